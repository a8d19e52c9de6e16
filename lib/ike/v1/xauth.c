/* SPDX-License-Identifier: Apache-2.0
 * XAuth, both sides: the server asks for user and password behind phase 1 and says yes or no, once:
 * who fails starts again with phase 1, whose failures are rationed by source (dos.c). Passwords are
 * compared as keyed digests, every user of the list each time. draft-beaulieu-ike-xauth-02. Called by
 * conf.c. Control thread. */
#include "ike/v1/conf.h"

#define TYPE_GENERIC 0
#define STATUS_FAIL  0
#define STATUS_OK    1

bool nhi_v1_xauth_is(nhtb_span attrs)
{
    nhi_rd r;
    nhi_v1_attr a;
    nhi_rd_init(&r, attrs.p, attrs.n);
    while (nhi_v1_attr_next(&r, &a))
        if (a.type >= NHI_V1_XA_TYPE && a.type <= NHI_V1_XA_ANSWER)
            return true;
    return false;
}

/* ---- server ---- */

static int ask(nhi_v1_x *x, nhtb_time now)
{
    nhi_ike_builder b;
    nhtb_span none = {NULL, 0};
    x->step = NHI_V1_STEP_XAUTH;
    nhi_v1_send_inner(x->sa->ike, &b);
    nhi_v1_build_cfg_begin(&b, NHI_V1_CFG_REQUEST, (uint16_t)(x->mid & 0xffff));
    nhi_v1_attr_write_short(&b.w, NHI_V1_XA_TYPE, TYPE_GENERIC);
    nhi_v1_attr_write(&b.w, NHI_V1_XA_USER, none);
    nhi_v1_attr_write(&b.w, NHI_V1_XA_PASSWORD, none);
    return nhi_v1_conf_send(x, &b, NHI_V1_AWAIT, now);
}

int nhi_v1_xauth_ask(nhi_ike_sa *sa, nhtb_time now)
{
    int err = 0;
    nhi_v1_x *x = nhi_v1_x_new(sa, NHI_V1_EX_TRANSACTION, now, &err);
    if (!x)
        return err;
    err = ask(x, now);
    if (err)
        nhi_v1_x_kill(x);
    return err;
}

static bool same_name(nhtb_span a, nhtb_span b)
{
    return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

/** Equal digests under a key of this SA: neither length nor content of the right one shows in time. */
static bool same_secret(const nhi_ike_sa *sa, nhtb_span a, nhtb_span b)
{
    const nhtb_crypto *c = sa->ike->env.crypto;
    nhi_secret x, y;
    nhtb_span key = nhi_secret_span(&sa->v1->keys.a);
    int err = nhi_prf(c, sa->suite.prf, key, &a, 1, &x);
    err = err ? err : nhi_prf(c, sa->suite.prf, key, &b, 1, &y);
    bool same = !err && x.n > 0 && nhi_equal_ct(x.b, y.b, x.n);
    nhi_secret_wipe(&x);
    nhi_secret_wipe(&y);
    return same;
}

static bool user_of(const nhi_ike_sa *sa, nhtb_span name, nhtb_span password, nhtb_addr *address)
{
    const nhtb_v1 *e = nhi_v1_conf_entry(sa);
    bool found = false;
    for (uint16_t i = 0; i < e->n_users; i++) {
        const nhtb_v1_user *u = &e->users[i];
        bool right = same_secret(sa, u->password, password); /* whatever the name */
        if (!right || !same_name(u->name, name) || !u->password.n)
            continue;
        found = true;
        *address = u->address;
    }
    return found;
}

/** For tables: printable, cut to what they hold. */
static void remember_user(nhi_ike_peer *p, const nhi_ike_buf *user)
{
    size_t n = user->n < sizeof p->user - 1 ? user->n : sizeof p->user - 1;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = user->p[i];
        p->user[i] = c > ' ' && c <= '~' ? (char)c : '.';
    }
    p->user[n] = 0;
}

static int send_status(nhi_ike_sa *sa, bool ok, nhtb_time now)
{
    nhi_ike_builder b;
    int err = 0;
    nhi_v1_x *x = nhi_v1_x_new(sa, NHI_V1_EX_TRANSACTION, now, &err);
    if (!x)
        return err;
    x->step = NHI_V1_STEP_STATUS;
    nhi_v1_send_inner(sa->ike, &b);
    nhi_v1_build_cfg_begin(&b, NHI_V1_CFG_SET, (uint16_t)(x->mid & 0xffff));
    nhi_v1_attr_write_short(&b.w, NHI_V1_XA_STATUS, ok ? STATUS_OK : STATUS_FAIL);
    err = nhi_v1_conf_send(x, &b, NHI_V1_AWAIT, now);
    if (err)
        nhi_v1_x_kill(x);
    return err;
}

/** Behind a shared entry each user is a peer of his own. False: there is no room for one more. */
static bool come_apart(nhi_ike_sa *sa, nhtb_time now)
{
    const nhi_ike_buf *user = sa->v1->conf->user;
    const nhtb_identity id = {NHTB_ID_KEY_ID, {user->p, user->n}};
    if (!sa->peer->cfg.v1->shared || sa->peer->entry.id)
        return true;
    nhi_ike_peer *p = nhi_v1_instance(sa, sa->peer, &id, now);
    if (p)
        nhi_ike_sa_attach(sa, p);
    return p != NULL;
}

void nhi_v1_xauth_judged(nhi_ike_sa *sa, bool right, nhtb_time now)
{
    struct nhi_v1_conf *k = sa->v1->conf;
    nhi_v1_x *x = nhi_v1_x_find(sa, k->mid);
    if (x)
        nhi_v1_x_done(x, now);
    bool yes = right && come_apart(sa, now);
    k->passed = yes;
    if (yes)
        remember_user(sa->peer, k->user);
    nhi_ike_buf_drop(sa->ike, &k->password);
    if (!right) {
        nhi_ike_dos_failed(sa->ike, &sa->path, now);
        sa->ike->count.auth_failed++;
        nhi_ike_act_event(sa->ike, NHTB_EVENT_AUTH_FAILED, NHTB_DETAIL_XAUTH, 0, sa->peer_id,
                          UINT16_MAX, &sa->path, now);
    }
    int err = send_status(sa, yes, now);
    if (err)
        nhi_v1_conf_broken(sa, err, now);
}

static bool take(nhi_ike_sa *sa, nhtb_span attrs, uint16_t type, nhi_ike_buf **out)
{
    nhi_v1_attr a;
    if (!nhi_v1_conf_attr(attrs, type, &a) || a.value.n > NHI_V1_SECRET_MAX)
        return false;
    nhi_ike_buf_drop(sa->ike, out);
    *out = nhi_v1_copy(sa->ike, a.value);
    return *out != NULL;
}

unsigned nhi_v1_xauth_reply(nhi_v1_x *x, const nhi_v1_cfg *c, nhtb_time now)
{
    nhi_ike_sa *sa = x->sa;
    struct nhi_v1_conf *k = sa->v1->conf;
    nhi_v1_attr status;
    if (sa->state != NHI_SA_V1_CONFIG || !k->xauth_due || k->question)
        return NHTB_REASON_IKE_STATE;
    k->mid = x->mid;
    bool gave_up = nhi_v1_conf_attr(c->attrs, NHI_V1_XA_STATUS, &status);
    if (gave_up || !take(sa, c->attrs, NHI_V1_XA_USER, &k->user) ||
        !take(sa, c->attrs, NHI_V1_XA_PASSWORD, &k->password) || !k->user->n) {
        nhi_v1_xauth_judged(sa, false, now);
        return NHTB_REASON_NONE;
    }
    if (nhi_v1_conf_entry(sa)->n_users) {
        nhtb_span name = {k->user->p, k->user->n}, pw = {k->password->p, k->password->n};
        nhi_v1_xauth_judged(sa, user_of(sa, name, pw, &k->address), now);
        return NHTB_REASON_NONE;
    }
    int err = nhi_v1_conf_ask(x, NHTB_DETAIL_XAUTH_CHECK, now);
    if (err)
        nhi_v1_conf_broken(sa, err, now);
    return NHTB_REASON_NONE;
}

void nhi_v1_xauth_acked(nhi_ike_sa *sa, nhtb_time now)
{
    struct nhi_v1_conf *k = sa->v1->conf;
    if (sa->state != NHI_SA_V1_CONFIG)
        return;
    k->xauth_due = false;
    if (k->passed)
        nhi_v1_conf_next(sa, now);
    else
        nhi_v1_refuse(sa, NHTB_DETAIL_XAUTH, 0, now);
}

bool nhi_v1_xauth_over(nhi_ike_sa *sa, nhtb_time now)
{
    struct nhi_v1_conf *k = sa->v1->conf;
    nhi_v1_x *x = nhi_v1_x_running(sa, NHI_V1_EX_TRANSACTION);
    if (!k->xauth_due || !k->passed || !x || x->step != NHI_V1_STEP_STATUS)
        return !k->xauth_due;
    nhi_v1_x_done(x, now);
    nhi_v1_xauth_acked(sa, now);
    return true;
}

/* ---- client ---- */

int nhi_v1_xauth_tell(nhi_v1_x *x, nhtb_span user, nhtb_span password, nhtb_time now)
{
    nhi_ike_builder b;
    nhi_v1_send_inner(x->sa->ike, &b);
    nhi_v1_build_cfg_begin(&b, NHI_V1_CFG_REPLY, x->id);
    nhi_v1_attr_write_short(&b.w, NHI_V1_XA_TYPE, TYPE_GENERIC);
    nhi_v1_attr_write(&b.w, NHI_V1_XA_USER, user);
    nhi_v1_attr_write(&b.w, x->step ? x->step + NHI_V1_XA_TYPE : NHI_V1_XA_PASSWORD, password);
    return nhi_v1_conf_send(x, &b, NHI_V1_ANSWER, now);
}

/** We cannot answer this kind of question. */
static unsigned give_up(nhi_v1_x *x, nhtb_time now)
{
    nhi_ike_builder b;
    nhi_ike_sa *sa = x->sa;
    nhi_v1_send_inner(sa->ike, &b);
    nhi_v1_build_cfg_begin(&b, NHI_V1_CFG_REPLY, x->id);
    nhi_v1_attr_write_short(&b.w, NHI_V1_XA_STATUS, STATUS_FAIL);
    (void)nhi_v1_conf_send(x, &b, NHI_V1_ANSWER, now);
    nhi_v1_refuse(sa, NHTB_DETAIL_XAUTH, 0, now);
    return NHTB_REASON_NONE;
}

unsigned nhi_v1_xauth_asked(nhi_v1_x *x, const nhi_v1_cfg *c, nhtb_time now)
{
    nhi_ike_sa *sa = x->sa;
    struct nhi_v1_conf *k = sa->v1->conf;
    const nhtb_v1 *e = nhi_v1_conf_entry(sa);
    nhi_v1_attr a;
    uint64_t type = TYPE_GENERIC;
    if (sa->state != NHI_SA_V1_CONFIG || !k->xauth_due || !sa->initiator || k->question)
        return NHTB_REASON_IKE_STATE;
    if (nhi_v1_conf_attr(c->attrs, NHI_V1_XA_TYPE, &a) && !nhi_v1_attr_number(&a, &type))
        return NHTB_REASON_IKE_MALFORMED;
    bool passcode = nhi_v1_conf_attr(c->attrs, NHI_V1_XA_PASSCODE, &a) &&
                    !nhi_v1_conf_attr(c->attrs, NHI_V1_XA_PASSWORD, &a);
    if (type != TYPE_GENERIC || nhi_v1_conf_attr(c->attrs, NHI_V1_XA_CHALLENGE, &a) ||
        nhi_v1_conf_attr(c->attrs, NHI_V1_XA_NEXT_PIN, &a) ||
        nhi_v1_conf_attr(c->attrs, NHI_V1_XA_STATUS, &a))
        return give_up(x, now);
    x->step = passcode ? NHI_V1_XA_PASSCODE - NHI_V1_XA_TYPE : 0;
    int err = e->user.n ? nhi_v1_xauth_tell(x, e->user, e->password, now)
                        : nhi_v1_conf_ask(x, NHTB_DETAIL_XAUTH_WANTED, now);
    if (err)
        nhi_v1_conf_broken(sa, err, now);
    return NHTB_REASON_NONE;
}

static int acknowledge(nhi_v1_x *x, unsigned status, nhtb_time now)
{
    nhi_ike_builder b;
    nhi_v1_send_inner(x->sa->ike, &b);
    nhi_v1_build_cfg_begin(&b, NHI_V1_CFG_ACK, x->id);
    nhi_v1_attr_write_short(&b.w, NHI_V1_XA_STATUS, status);
    return nhi_v1_conf_send(x, &b, NHI_V1_ANSWER, now);
}

unsigned nhi_v1_xauth_status(nhi_v1_x *x, const nhi_v1_cfg *c, nhtb_time now)
{
    nhi_ike_sa *sa = x->sa;
    struct nhi_v1_conf *k = sa->v1->conf;
    nhi_v1_attr a;
    uint64_t status;
    if (sa->state != NHI_SA_V1_CONFIG || !k->xauth_due || !sa->initiator)
        return NHTB_REASON_IKE_STATE;
    if (!nhi_v1_conf_attr(c->attrs, NHI_V1_XA_STATUS, &a) || !nhi_v1_attr_number(&a, &status))
        return NHTB_REASON_IKE_MALFORMED;
    int err = acknowledge(x, status == STATUS_OK ? STATUS_OK : STATUS_FAIL, now);
    if (err) {
        nhi_v1_conf_broken(sa, err, now);
        return NHTB_REASON_NONE;
    }
    k->xauth_due = false;
    if (status == STATUS_OK)
        nhi_v1_conf_next(sa, now);
    else
        nhi_v1_refuse(sa, NHTB_DETAIL_XAUTH, 0, now);
    return NHTB_REASON_NONE;
}
