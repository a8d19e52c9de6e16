/* SPDX-License-Identifier: Apache-2.0
 * Writes keys as Wireshark reads them: `esp_sa`, `ikev1_decryption_table`, `ikev2_decryption_table`, a
 * line per SA. Names that older Wiresharks do not know would make them drop the whole table, so
 * ChaCha20 has files of its own, ending in `.chacha20`. Left out of a build without NHTB_KEYLOG. Control thread. */
#define _GNU_SOURCE
#include "keylog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ESP, IKE, ESP_CHACHA, IKE_CHACHA, IKEV1, FILES };
enum { ENCR_3DES = 3, ENCR_AES_CBC = 12, ENCR_AES_GCM16 = 20, ENCR_CHACHA20_POLY1305 = 28 };
enum { INTEG_SHA1_96 = 2, INTEG_SHA256_128 = 12, INTEG_SHA384_192 = 13, INTEG_SHA512_256 = 14 };

#define LINE 1024

struct gw_keylog {
    const gw_log *log;
    int fd[FILES];
    bool failed; /* said once */
};

static const char *const NAMES[FILES] = {"esp_sa", "ikev2_decryption_table", "esp_sa.chacha20",
                                         "ikev2_decryption_table.chacha20",
                                         "ikev1_decryption_table"};

typedef struct line {
    char text[LINE];
    size_t n;
} line;

static void add(line *l, const char *s)
{
    const size_t n = strlen(s);
    if (n < sizeof l->text - l->n) {
        memcpy(l->text + l->n, s, n);
        l->n += n;
    }
}

static void add_hex(line *l, const uint8_t *p, size_t n)
{
    static const char HEX[] = "0123456789abcdef";
    for (size_t i = 0; i < n && l->n + 2 < sizeof l->text; i++) {
        l->text[l->n++] = HEX[p[i] >> 4];
        l->text[l->n++] = HEX[p[i] & 15];
    }
}

static void add_span(line *l, nhtb_span s)
{
    add_hex(l, s.p, s.n);
}

static void add_u64(line *l, uint64_t v)
{
    uint8_t b[8];
    for (unsigned i = 0; i < 8; i++)
        b[i] = (uint8_t)(v >> (56 - 8 * i));
    add_hex(l, b, sizeof b);
}

static void add_addr(line *l, const nhtb_addr *a)
{
    char t[NHTB_ADDR_TEXT];
    add(l, "\"");
    add(l, nhtb_addr_format(a, t, sizeof t));
    add(l, "\",");
}

/* ---- one SA ---- */

static const char *esp_integ(uint16_t integ)
{
    switch (integ) {
    case INTEG_SHA1_96: return "HMAC-SHA-1-96 [RFC2404]";
    case INTEG_SHA256_128: return "HMAC-SHA-256-128 [RFC4868]";
    case INTEG_SHA384_192: return "HMAC-SHA-384-192 [RFC4868]";
    case INTEG_SHA512_256: return "HMAC-SHA-512-256 [RFC4868]";
    default: return "NULL";
    }
}

static const char *esp_encr(uint16_t encr)
{
    switch (encr) {
    case ENCR_AES_GCM16: return "AES-GCM with 16 octet ICV [RFC4106]";
    case ENCR_CHACHA20_POLY1305: return "ChaCha20 with Poly1305 [RFC7634]";
    case ENCR_3DES: return "TripleDES-CBC [RFC2451]";
    default: return "AES-CBC [RFC3602]";
    }
}

static void esp_line(line *l, const nhtb_keylog *r)
{
    uint8_t spi[4];
    for (unsigned i = 0; i < 4; i++)
        spi[i] = (uint8_t)(r->spi >> (24 - 8 * i));
    add(l, r->from.family == 6 ? "\"IPv6\"," : "\"IPv4\",");
    add_addr(l, &r->from);
    add_addr(l, &r->to);
    add(l, "\"0x");
    add_hex(l, spi, sizeof spi);
    add(l, "\",\"");
    add(l, esp_encr(r->encr));
    add(l, "\",\"0x");
    add_span(l, r->encr_key[0]);
    add(l, "\",\"");
    add(l, esp_integ(r->integ));
    add(l, r->integ_key[0].n > 0 ? "\",\"0x" : "\",\"");
    add_span(l, r->integ_key[0]);
    add(l, "\"\n");
}

static const char *ike_integ(uint16_t integ)
{
    switch (integ) {
    case INTEG_SHA1_96: return "HMAC_SHA1_96 [RFC2404]";
    case INTEG_SHA256_128: return "HMAC_SHA2_256_128 [RFC4868]";
    case INTEG_SHA384_192: return "HMAC_SHA2_384_192 [RFC4868]";
    case INTEG_SHA512_256: return "HMAC_SHA2_512_256 [RFC4868]";
    default: return "NONE [RFC4306]";
    }
}

static const char *ike_encr(const nhtb_keylog *r)
{
    if (r->encr == ENCR_CHACHA20_POLY1305)
        return "ChaCha20 with Poly1305 [RFC7634]";
    if (r->encr == ENCR_AES_GCM16)
        return r->key_bits == 128 ? "AES-GCM-128 with 16 octet ICV [RFC5282]"
                                  : "AES-GCM-256 with 16 octet ICV [RFC5282]";
    if (r->encr == ENCR_3DES)
        return "3DES [RFC2451]";
    return r->key_bits == 128 ? "AES-CBC-128 [RFC3602]" : "AES-CBC-256 [RFC3602]";
}

static void ike_line(line *l, const nhtb_keylog *r)
{
    add_u64(l, r->spi_i);
    add(l, ",");
    add_u64(l, r->spi_r);
    add(l, ",");
    add_span(l, r->encr_key[0]);
    add(l, ",");
    add_span(l, r->encr_key[1]);
    add(l, ",\"");
    add(l, ike_encr(r));
    add(l, "\",");
    add_span(l, r->integ_key[0]);
    add(l, ",");
    add_span(l, r->integ_key[1]);
    add(l, ",\"");
    add(l, ike_integ(r->integ));
    add(l, "\"\n");
}

/** Wireshark reads the algorithms in the clear messages and derives each IV itself. */
static void ikev1_line(line *l, const nhtb_keylog *r)
{
    add_u64(l, r->spi_i);
    add(l, ",");
    add_span(l, r->encr_key[0]);
    add(l, "\n");
}

/** Its line; which file it goes to. */
static unsigned write_line(line *l, const nhtb_keylog *r)
{
    const bool chacha = r->encr == ENCR_CHACHA20_POLY1305;
    switch (r->kind) {
    case NHTB_KEYLOG_IKE: ike_line(l, r); return chacha ? IKE_CHACHA : IKE;
    case NHTB_KEYLOG_IKEV1: ikev1_line(l, r); return IKEV1;
    case NHTB_KEYLOG_ESP: esp_line(l, r); return chacha ? ESP_CHACHA : ESP;
    default: return FILES; /* of a newer library */
    }
}

void keylog_write(gw_keylog *k, const nhtb_keylog *rec)
{
    line l;
    l.n = 0;
    if (k == NULL)
        return;
    const unsigned file = write_line(&l, rec);
    if (file == FILES)
        return;
    /* one write each: a reader never sees half a line */
    const bool good = write(k->fd[file], l.text, l.n) == (ssize_t)l.n;
    explicit_bzero(&l, sizeof l);
    if (!good && !k->failed)
        log_text(k->log, NHTB_LOG_ERROR, "keylog: cannot write: %s", strerror(errno));
    k->failed = k->failed || !good;
}

/* ---- files ---- */

static bool dir_good(int fd, const char *dir, char *why, size_t n)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        snprintf(why, n, "%.160s: %s", dir, strerror(errno));
    else if (st.st_uid != geteuid())
        snprintf(why, n, "%.160s: belongs to user %u, not to the gateway's user %u", dir,
                 (unsigned)st.st_uid, (unsigned)geteuid());
    else if ((st.st_mode & 07777) != 0700)
        snprintf(why, n, "%.160s: mode %04o; chmod 0700", dir, (unsigned)(st.st_mode & 07777));
    else
        return true;
    return false;
}

static bool open_files(gw_keylog *k, int at, const char *dir, char *why, size_t n)
{
    for (unsigned i = 0; i < FILES; i++) {
        k->fd[i] = openat(at, NAMES[i],
                          O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_APPEND | O_CLOEXEC, 0600);
        if (k->fd[i] < 0) {
            snprintf(why, n, "%.160s/%s: %s%s", dir, NAMES[i], strerror(errno),
                     errno == EEXIST ? "; keys of another run are not mixed in, remove it" : "");
            return false;
        }
    }
    return true;
}

gw_keylog *keylog_open(const char *dir, const gw_log *log, char *why, size_t n)
{
    const int at = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    gw_keylog *k = at >= 0 ? calloc(1, sizeof *k) : NULL;
    if (k == NULL) {
        snprintf(why, n, "%.160s: %s", dir, strerror(errno));
        if (at >= 0)
            close(at);
        return NULL;
    }
    k->log = log;
    for (unsigned i = 0; i < FILES; i++)
        k->fd[i] = -1;
    const bool good = dir_good(at, dir, why, n) && open_files(k, at, dir, why, n);
    close(at);
    if (good)
        return k;
    keylog_close(k);
    return NULL;
}

void keylog_close(gw_keylog *k)
{
    for (unsigned i = 0; k != NULL && i < FILES; i++)
        if (k->fd[i] >= 0)
            close(k->fd[i]);
    free(k);
}
