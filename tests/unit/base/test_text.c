/* SPDX-License-Identifier: Apache-2.0
 * Stdio-free text, log records, error texts and names. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <nhtb/event.h>
#include <nhtb/pkt.h>
#include <nhtb/version.h>
#include <stdio.h>

#include "mem_host.h"

Test(fmt, numbers_agree_with_printf)
{
    uint64_t seed = 1;
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t v = i == 0 ? 0 : i == 1 ? UINT64_MAX : test_rand(&seed) >> test_rand(&seed) % 64;
        char a[64], b[64];
        nhi_fmt f;
        nhi_fmt_init(&f, a, sizeof a);
        nhi_fmt_u64(&f, v);
        nhi_fmt_str(&f, " ");
        nhi_fmt_hex(&f, v, 16);
        nhi_fmt_str(&f, " ");
        nhi_fmt_hex(&f, v & 0xff, 2);
        snprintf(b, sizeof b, "%" PRIu64 " %016" PRIx64 " %02" PRIx64, v, v, v & 0xff);
        cr_assert_str_eq(a, b);
        cr_assert_eq(f.n, strlen(b));
    }
}

Test(fmt, text_is_cut_terminated_and_its_length_told)
{
    for (size_t cap = 0; cap < 12; cap++) {
        char *text = malloc(cap > 0 ? cap : 1);
        nhi_fmt f;
        nhi_fmt_init(&f, text, cap);
        nhi_fmt_str(&f, "12345");
        nhi_fmt_u64(&f, 678);
        cr_assert_eq(f.n, 8);
        cr_assert(cap == 0 || strlen(text) == (cap - 1 < 8 ? cap - 1 : 8));
        cr_assert(cap == 0 || strncmp(text, "12345678", strlen(text)) == 0);
        free(text);
    }
}

Test(fmt, peer_bytes_are_escaped)
{
    char text[64];
    nhi_fmt f;
    nhi_fmt_init(&f, text, sizeof text);
    nhi_fmt_bytes(&f, (const uint8_t *)"a\"'\\\n\0\x7f\xff~ ", 10);
    cr_assert_str_eq(text, "a\\x22\\x27\\x5c\\x0a\\x00\\x7f\\xff~ ");
}

Test(text, copies_are_bounded)
{
    char b[4];
    cr_assert(nhi_strcpy(b, sizeof b, "abc"));
    cr_assert_str_eq(b, "abc");
    cr_assert_not(nhi_strcpy(b, sizeof b, "abcd"));
    cr_assert_str_eq(b, "abc");
    cr_assert_not(nhi_strcpy(b, 0, ""));
    cr_assert_eq(nhi_strlen(""), 0);
    cr_assert_eq(nhi_strlen("four"), 4);
}

static nhtb_log last;
static unsigned logs;
static void take_log(void *user, const nhtb_log *rec)
{
    (void)user;
    last = *rec;
    logs++;
}

Test(log, a_record_reaches_the_hook_and_no_hook_is_fine)
{
    mem_host h = {0};
    nhi_mem m = mem_of(&h);
    nhi_log(&m, NHTB_LOG_ERROR, "ike", "text", (nhtb_peer_id){7}, "name", 1, 2);
    m.host.log = take_log;
    nhi_log(&m, NHTB_LOG_NOTICE, "ike", "text", (nhtb_peer_id){7}, NULL, 1, 2);
    cr_assert_eq(logs, 1);
    cr_assert_eq(last.size, sizeof last);
    cr_assert_eq(last.level, NHTB_LOG_NOTICE);
    cr_assert_str_eq(last.room, "ike");
    cr_assert_str_eq(last.text, "text");
    cr_assert_eq(last.peer.id, 7);
    cr_assert_eq(last.spi_i, 1);
    cr_assert_eq(last.spi_r, 2);
}

Test(err, every_code_has_its_class_and_a_text_of_its_own)
{
    static const struct {
        int err;
        nhtb_err_kind kind;
    } v[] = {{NHTB_OK, NHTB_ERR_CLASS_NONE},
             {NHTB_ERR_ARG, NHTB_ERR_CLASS_USAGE},
             {NHTB_ERR_STALE, NHTB_ERR_CLASS_USAGE},
             {NHTB_ERR_STATE, NHTB_ERR_CLASS_USAGE},
             {NHTB_ERR_EXISTS, NHTB_ERR_CLASS_USAGE},
             {NHTB_ERR_NOT_FOUND, NHTB_ERR_CLASS_USAGE},
             {NHTB_ERR_CONFLICT, NHTB_ERR_CLASS_USAGE},
             {NHTB_ERR_UNSUPPORTED, NHTB_ERR_CLASS_USAGE},
             {NHTB_ERR_SHORT, NHTB_ERR_CLASS_USAGE},
             {NHTB_ERR_MEMORY, NHTB_ERR_CLASS_RESOURCE},
             {NHTB_ERR_LIMIT, NHTB_ERR_CLASS_RESOURCE},
             {NHTB_ERR_BUSY, NHTB_ERR_CLASS_RESOURCE},
             {NHTB_ERR_RANDOM, NHTB_ERR_CLASS_BACKEND},
             {NHTB_ERR_CRYPTO, NHTB_ERR_CLASS_BACKEND},
             {NHTB_ERR_INTERNAL, NHTB_ERR_CLASS_FATAL}};
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        cr_assert_eq(nhtb_err_class(v[i].err), v[i].kind);
        cr_assert_str_neq(nhtb_strerror(v[i].err), "unknown error");
        for (size_t k = 0; k < i; k++) {
            cr_assert_str_neq(nhtb_strerror(v[i].err), nhtb_strerror(v[k].err));
        }
    }
    cr_assert_eq(nhtb_err_class(1), NHTB_ERR_CLASS_NONE);
    cr_assert_str_eq(nhtb_strerror(-1000), "unknown error");
}

Test(names, follow_the_lists_and_answer_outside_of_them)
{
    cr_assert_str_eq(nhtb_reason_name(NHTB_REASON_REPLAY_OLD), "replay_old");
    cr_assert_str_eq(nhtb_reason_text(NHTB_REASON_RPF),
                     "inner source does not belong to this tunnel");
    cr_assert_str_eq(nhtb_event_name(NHTB_EVENT_IKE_UP), "ike_up");
    cr_assert_str_eq(nhtb_event_name(NHTB_EVENT_QUESTION), "question");
    cr_assert_str_eq(nhtb_detail_name(NHTB_DETAIL_STATIC_WINS), "static_wins");
    cr_assert_str_eq(nhtb_detail_text(NHTB_DETAIL_MEMORY), "out of memory");
    cr_assert_str_eq(nhtb_reason_name(NHTB_REASON_END), "?");
    cr_assert_str_eq(nhtb_reason_text(UINT32_MAX), "?");
    cr_assert_str_eq(nhtb_event_name(NHTB_EVENT_END), "?");
    cr_assert_str_eq(nhtb_detail_name(NHTB_DETAIL_END), "?");
    cr_assert_str_eq(nhtb_detail_text(NHTB_DETAIL_END), "?");
    for (unsigned i = 0; i < NHTB_REASON_END; i++) {
        for (unsigned k = 0; k < i; k++) {
            cr_assert_str_neq(nhtb_reason_name(i), nhtb_reason_name(k));
        }
    }
    cr_assert_str_eq(nhtb_version(), NHTB_VERSION);
}
