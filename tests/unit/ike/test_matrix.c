/* SPDX-License-Identifier: Apache-2.0
 * Every message in every state, in both roles: taken, or dropped with which reason, and the state
 * afterwards, cell by cell. Whatever the tables do not name is dropped and counted. RFC 7296 2.2,
 * 2.5, 2.21, 3.1. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "unit/ike/matrix.h"

/* One column per message kind of matrix.h. Reasons: . taken, m malformed, v version, u unknown SA,
 * s state, i message ID, x integrity, e unexpected. States after a right message: - the same. */
static const struct cell_row {
    matrix_row row;
    const char *why, *after, *wrong_id, *wrong_role;
} table[] = {
#include "unit/ike/matrix_table.h"
};

static const char state_letter[NHI_SA_STATES + 1] = "0AKS1kgvs2RHaVG3UYX4LD";

static char reason_letter(unsigned why)
{
    switch (why) {
    case NHTB_REASON_NONE: return '.';
    case NHTB_REASON_IKE_MALFORMED: return 'm';
    case NHTB_REASON_IKE_VERSION: return 'v';
    case NHTB_REASON_IKE_UNKNOWN_SA: return 'u';
    case NHTB_REASON_IKE_STATE: return 's';
    case NHTB_REASON_IKE_MESSAGE_ID: return 'i';
    case NHTB_REASON_IKE_INTEGRITY: return 'x';
    case NHTB_REASON_IKE_UNEXPECTED: return 'e';
    default: return '?';
    }
}

static bool installs(const matrix_row *row, unsigned kind, unsigned variant)
{
    return row->state == NHI_SA_UP && variant == V_RIGHT &&
           (kind == M_NEW_Q || kind == M_REKEY_CHILD_Q);
}

typedef struct cell {
    char why, after;
} cell;

static cell play(const matrix_row *row, unsigned kind, unsigned variant)
{
    static twins p;
    matrix_sa m;
    uint8_t msg[TWINS_MSG];
    matrix_bring(&p, row, &m);
    twins_end *e = &p.e[m.end];
    twins_dgram d = {.to = m.end, .kind = m.kind, .path = m.path};
    size_t n = matrix_message(&p, &m, kind, variant, msg);
    uint64_t all = twins_print(&p, m.end), up = twins_print_up(&p, m.end);
    unsigned had = e->installs;
    unsigned why = twins_feed(&p, &d, msg, n), after = matrix_state(&p, &m);
    cr_expect_eq(e->installs - had, installs(row, kind, variant), "%s message %u variant %u",
                 nhi_ike_sa_state_name(row->state), kind, variant);
    if (why) /* dropped: nothing at all changed */
        cr_expect_eq(twins_print(&p, m.end), all, "%s/%c message %u variant %u changes something",
                     nhi_ike_sa_state_name(row->state), row->initiator ? 'i' : 'r', kind, variant);
    if (row->state != NHI_SA_UP) /* the established one beside it is untouched */
        cr_expect_eq(twins_print_up(&p, m.end), up, "%s message %u variant %u",
                     nhi_ike_sa_state_name(row->state), kind, variant);
    matrix_close(&p, &m);
    return (cell){reason_letter(why), after == row->state ? '-' : state_letter[after]};
}

static const matrix_row rows[] = {
    {NHI_SA_LARVAL, true},    {NHI_SA_LARVAL, false},   {NHI_SA_ASK, true},
    {NHI_SA_INIT_KE, true},   {NHI_SA_INIT_SENT, true}, {NHI_SA_AUTH_KE, true},
    {NHI_SA_AUTH_SENT, true}, {NHI_SA_R_KE, false},     {NHI_SA_R_HALF, false},
    {NHI_SA_R_ASK, false},    {NHI_SA_UP, true},        {NHI_SA_UP, false},
    {NHI_SA_REKEYED, true},   {NHI_SA_REKEYED, false},  {NHI_SA_DELETING, true},
    {NHI_SA_DELETING, false}, {NHI_SA_LINGER, true},    {NHI_SA_LINGER, false},
    {NHI_SA_DEAD, true},      {NHI_SA_DEAD, false},
};

/** NHTB_MATRIX=print shows what is, in the form of the table. */
static void print_row(const matrix_row *row)
{
    fprintf(stderr, "{{%u, %d}", row->state, row->initiator);
    for (unsigned k = 0; k < 4; k++) {
        char s[M_KINDS + 1] = "";
        for (unsigned kind = 0; kind < M_KINDS; kind++) {
            cell c = play(row, kind, k == 2 ? V_WRONG_ID : k == 3 ? V_WRONG_ROLE : V_RIGHT);
            s[kind] = k == 1 ? c.after : c.why;
        }
        fprintf(stderr, ", \"%s\"", s);
    }
    fprintf(stderr, "},\n");
}

static void expect(const struct cell_row *t, unsigned kind, unsigned v)
{
    const char *want[] = {t->why, t->wrong_id, t->wrong_role};
    cell c = play(&t->row, kind, v);
    const char *name = nhi_ike_sa_state_name(t->row.state);
    char role = t->row.initiator ? 'i' : 'r';
    cr_expect_eq(c.why, want[v][kind], "%s/%c message %u variant %u: '%c', not '%c'", name, role,
                 kind, v, c.why, want[v][kind]);
    char after = v == V_RIGHT ? t->after[kind] : '-';
    cr_expect_eq(c.after, after, "%s/%c message %u variant %u: state '%c', not '%c'", name, role,
                 kind, v, c.after, after);
}

static void whole(const struct cell_row *t, const matrix_row *row, size_t n)
{
    unsigned cells = 0;
    for (size_t i = 0; getenv("NHTB_MATRIX") && i < n; i++)
        print_row(&row[i]);
    for (size_t i = 0; i < n; i++) {
        cr_assert(t[i].row.state == row[i].state && t[i].row.initiator == row[i].initiator);
        for (unsigned kind = 0; kind < M_KINDS; kind++)
            for (unsigned v = 0; v < V_VARIANTS; v++, cells++)
                expect(&t[i], kind, v);
    }
    fprintf(stderr, "matrix: %u cells\n", cells);
}

Test(matrix, every_message_in_every_state_does_what_the_table_says)
{
    cr_assert_eq(NHI_ARRAY_LEN(table), NHI_ARRAY_LEN(rows));
    whole(table, rows, NHI_ARRAY_LEN(rows));
}

#if NHTB_HAVE_OPENSSL

/* States that only a set-up with certificates has. */
static const struct cell_row cert_table[] = {
#include "unit/ike/matrix_cert_table.h"
};

static const matrix_row cert_rows[] = {
    {NHI_SA_AUTH_SIGN, true},
    {NHI_SA_AUTH_VERIFY, true},
    {NHI_SA_R_VERIFY, false},
    {NHI_SA_R_SIGN, false},
};

Test(matrix, and_while_signatures_are_made_and_proved)
{
    cr_assert_eq(NHI_ARRAY_LEN(cert_table), NHI_ARRAY_LEN(cert_rows));
    whole(cert_table, cert_rows, NHI_ARRAY_LEN(cert_rows));
}

/** The message that brought the SA into this state comes again while its job runs. */
static void copied(unsigned state, unsigned end, unsigned before, unsigned jobs, unsigned want)
{
    static twins p;
    twins_open(&p, &(twins_opts){.seed = 11, .certs = true});
    twins_initiate(&p, 0);
    while (before--)
        twins_deliver(&p, 0);
    twins_dgram d = twins_copy(&p.flight[0]);
    p.o.hold_jobs = true;
    twins_deliver(&p, 0);
    while (jobs--)
        twins_job(&p, end);
    const char *name = nhi_ike_sa_state_name(state);
    cr_assert(twins_sa(&p, end, state), "no way into %s", name);
    uint64_t all = twins_print(&p, end);
    unsigned sent = p.e[end].sent;
    cr_expect_eq(twins_feed(&p, &d, d.b, d.n), want, "%s", name);
    cr_expect_eq(twins_print(&p, end), all, "%s", name);
    cr_expect_eq(p.e[end].sent, sent, "%s answers", name);
    p.o.hold_jobs = false;
    twins_settle(&p, end);
    twins_drain(&p);
    cr_expect_eq(twins_check_mirror(&p, false), 1);
    free(d.b);
    twins_close(&p);
}

Test(matrix, a_copy_of_the_message_under_work_is_not_worked_on_twice)
{
    copied(NHI_SA_AUTH_SIGN, 0, 1, 1, NHTB_REASON_IKE_STATE);
    copied(NHI_SA_AUTH_VERIFY, 0, 3, 0, NHTB_REASON_IKE_UNEXPECTED);
    copied(NHI_SA_R_VERIFY, 1, 2, 0, NHTB_REASON_NONE);
    copied(NHI_SA_R_SIGN, 1, 2, 1, NHTB_REASON_NONE);
}

#endif
