/* SPDX-License-Identifier: Apache-2.0
 * Why a tunnel is not up: per peer the last failure, and the two proposals where they had nothing in
 * common. Kept from the first failure on, bounded, for display only: nothing is decided by it, since
 * parts of it are not authenticated. Called by sa, peer, v1, v2 and engine. Control thread. RFC 7296 2.7. */
#include "ike/room.h"

typedef struct nhi_ike_why {
    nhtb_time at;
    uint16_t detail, child;
    uint32_t code;
    bool responder;
    const char *step; /* of static text */
    char theirs[NHTB_EXPLAIN_TEXT], differs[NHTB_EXPLAIN_TEXT];
} nhi_ike_why;

static nhi_ike_why *why_of(nhi_ike_peer *p)
{
    if (!p->why)
        p->why = nhi_mem_alloc(p->ike->mem, sizeof *p->why, 8); /* without it: no explanation */
    return p->why;
}

void nhi_ike_explain_free(nhi_ike_peer *p)
{
    nhi_mem_free(p->ike->mem, p->why, sizeof *p->why);
    p->why = NULL;
}

void nhi_ike_explain_note(nhi_ike_peer *p, const nhi_ike_fault *f, nhtb_time now)
{
    nhi_ike_why *w = why_of(p);
    if (!w)
        return;
    /* told by the peer's notify alone: what it would have taken is not known */
    if (f->detail != NHTB_DETAIL_NO_PROPOSAL || f->code)
        w->theirs[0] = w->differs[0] = 0;
    w->at = now;
    w->detail = (uint16_t)f->detail;
    w->code = f->code;
    w->child = f->child;
    w->responder = f->responder;
    w->step = f->step;
}

void nhi_ike_explain_cured(nhi_ike_peer *p, uint16_t child)
{
    if (p->why && p->why->child == child)
        memset(p->why, 0, sizeof *p->why);
}

/* ---- proposals as text ---- */

static const struct {
    uint8_t type;
    const char *name;
} kinds[] = {{NHI_TF_ENCR, "encryption"},
             {NHI_TF_INTEG, "integrity"},
             {NHI_TF_PRF, "PRF"},
             {NHI_TF_KE, "key exchange"},
             {NHI_TF_ESN, "extended sequence numbers"}};

static void set_one(nhtb_proposal *q, const nhi_transform *t)
{
    memset(q, 0, sizeof *q);
    switch (t->type) {
    case NHI_TF_ENCR:
        q->encr[q->n_encr].id = t->id;
        q->encr[q->n_encr++].key_bits = t->key_bits;
        break;
    case NHI_TF_INTEG: q->integ[q->n_integ++] = t->id; break;
    case NHI_TF_PRF: q->prf[q->n_prf++] = t->id; break;
    case NHI_TF_KE: q->ke[q->n_ke++] = t->id; break;
    default: q->esn[q->n_esn++] = (uint8_t)t->id; break;
    }
}

/** Its word; without one, type and number of the IANA registry. */
static void word(nhi_fmt *f, const nhi_transform *t)
{
    char text[32];
    nhtb_proposal q;
    set_one(&q, t);
    (void)nhtb_proposal_format(t->type == NHI_TF_ESN ? NHTB_PROTO_ESP : NHTB_PROTO_IKE, &q, text,
                               sizeof text);
    if (t->type <= NHI_TF_ESN && !(t->type == NHI_TF_ESN && t->id > 1) && text[0] != 'u') {
        nhi_fmt_str(f, text);
        return;
    }
    nhi_fmt_str(f, "transform");
    nhi_fmt_u64(f, t->type);
    nhi_fmt_str(f, "/");
    nhi_fmt_u64(f, t->id);
    if (t->key_bits) {
        nhi_fmt_str(f, "/");
        nhi_fmt_u64(f, t->key_bits);
    }
}

static size_t words(nhi_fmt *f, const nhi_ike_proposal *p, uint8_t type)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++) {
        if (p->tf[i].type != type)
            continue;
        if (n++)
            nhi_fmt_str(f, " ");
        word(f, &p->tf[i]);
    }
    return n;
}

/** In the order of configured words; types we do not know come last. */
static void proposal_text(nhi_fmt *f, const nhi_ike_proposal *p)
{
    size_t n = 0;
    for (size_t k = 0; k <= NHI_ARRAY_LEN(kinds); k++)
        for (size_t i = 0; i < p->n; i++) {
            bool known = p->tf[i].type >= NHI_TF_ENCR && p->tf[i].type <= NHI_TF_ESN;
            if (k < NHI_ARRAY_LEN(kinds) ? p->tf[i].type != kinds[k].type : known)
                continue;
            if (n++)
                nhi_fmt_str(f, "-");
            word(f, &p->tf[i]);
        }
}

static void offer_text(char *dst, size_t n, const nhi_ike_sa_pl *v)
{
    nhi_fmt f;
    nhi_fmt_init(&f, dst, n);
    for (size_t i = 0; i < v->n; i++) {
        if (i)
            nhi_fmt_str(&f, ", ");
        proposal_text(&f, &v->p[i]);
    }
}

/* ---- the first difference ---- */

static bool has_type(const nhi_ike_proposal *p, uint8_t type)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->tf[i].type == type && p->tf[i].id)
            return true;
    return false;
}

static bool in_common(const nhi_ike_proposal *a, const nhi_ike_proposal *b, uint8_t type)
{
    if (type != NHI_TF_ESN && !has_type(a, type) && !has_type(b, type))
        return true;
    for (size_t i = 0; i < a->n; i++)
        for (size_t k = 0; a->tf[i].type == type && k < b->n; k++)
            if (b->tf[k].type == type && a->tf[i].id == b->tf[k].id &&
                a->tf[i].key_bits == b->tf[k].key_bits)
                return true;
    return false;
}

/** Index in kinds of the first that differs; their number: none does. */
static size_t depth(const nhi_ike_proposal *a, const nhi_ike_proposal *b, nhtb_protocol proto)
{
    size_t i = 0;
    for (; i < NHI_ARRAY_LEN(kinds); i++) {
        bool asked = kinds[i].type != NHI_TF_ESN || proto == NHTB_PROTO_ESP;
        if (asked && !in_common(a, b, kinds[i].type))
            break;
    }
    return i;
}

static void side(nhi_fmt *f, const char *who, const nhi_ike_proposal *p, uint8_t type)
{
    nhi_fmt_str(f, who);
    if (!words(f, p, type))
        nhi_fmt_str(f, "none");
}

void nhi_ike_explain_offers(nhi_ike_peer *p, nhtb_protocol proto, const nhi_ike_sa_pl *ours,
                            const nhi_ike_sa_pl *theirs)
{
    nhi_ike_why *w = why_of(p);
    size_t a = 0, b = 0, best = 0;
    nhi_fmt f;
    if (!w || !ours->n || !theirs->n)
        return;
    offer_text(w->theirs, sizeof w->theirs, theirs);
    for (size_t i = 0; i < ours->n; i++)
        for (size_t k = 0; k < theirs->n; k++) {
            size_t d = depth(&ours->p[i], &theirs->p[k], proto);
            if (d <= best && (i || k))
                continue;
            best = d;
            a = i;
            b = k;
        }
    nhi_fmt_init(&f, w->differs, sizeof w->differs);
    if (best == NHI_ARRAY_LEN(kinds))
        return; /* refused for its form, not for a transform */
    nhi_fmt_str(&f, kinds[best].name);
    side(&f, ": ours ", &ours->p[a], kinds[best].type);
    side(&f, ", theirs ", &theirs->p[b], kinds[best].type);
}

void nhi_ike_explain_texts(nhi_ike_peer *p, const char *theirs, const char *differs)
{
    nhi_ike_why *w = why_of(p);
    if (!w)
        return;
    (void)nhi_strcpy(w->theirs, sizeof w->theirs, theirs);
    (void)nhi_strcpy(w->differs, sizeof w->differs, differs);
}

/* ---- the answer ---- */

static void fill_peer(const nhi_ike_peer *p, nhtb_explain *out)
{
    const nhi_ike_sa *sa = nhi_ike_peer_sa(p);
    (void)nhi_strcpy(out->name, sizeof out->name, p->cfg.name);
    out->path = p->cfg.path;
    out->up = p->up;
    out->establish = p->cfg.establish;
    out->n_children = p->cfg.n_children;
    for (uint16_t i = 0; i < p->cfg.n_children; i++)
        out->children_up = (uint16_t)(out->children_up + (nhi_ike_child_live(p, i, NULL) != NULL));
    if (sa)
        (void)nhi_strcpy(out->state, sizeof out->state, nhi_ike_sa_state_name(sa->state));
    out->next_try = nhi_timer_armed(&p->retry) ? p->next_try : NHTB_NEVER;
    if (nhi_timer_armed(&p->retry) && p->next_try == NHTB_NEVER)
        out->next_try = p->retry.due; /* for a child */
}

static void fill_offer(nhi_ike_peer *p, nhtb_explain *out)
{
    nhi_ike_sa_pl *scratch = &p->ike->answer;
    if (p->cfg.v1) {
        nhi_v1_explain_own(p, out->child, out->ours, sizeof out->ours);
        return;
    }
    if (out->child < p->cfg.n_children) {
        const nhtb_child *k = &p->cfg.children[out->child];
        nhi_propose_offer(scratch, NHTB_PROTO_ESP, k->proposals, k->n_proposals, NULL, 0, false);
    } else {
        nhi_propose_offer(scratch, NHTB_PROTO_IKE, p->cfg.proposals, p->cfg.n_proposals, NULL, 0,
                          false);
    }
    offer_text(out->ours, sizeof out->ours, scratch);
}

int nhi_ike_explain(nhi_ike *ike, nhtb_peer_id id, nhtb_explain *out)
{
    nhi_ike_peer *p = nhi_ike_peer_get(ike, id);
    if (!p || !p->started)
        return NHTB_ERR_STALE;
    out->child = UINT16_MAX;
    out->entry = p->entry;
    fill_peer(p, out);
    const nhi_ike_why *w = p->why;
    if (w && w->step) {
        (void)nhi_strcpy(out->step, sizeof out->step, w->step);
        out->responder = w->responder;
        out->detail = w->detail;
        out->code = w->code;
        out->child = w->child;
        out->failed_at = w->at;
        (void)nhi_strcpy(out->theirs, sizeof out->theirs, w->theirs);
        (void)nhi_strcpy(out->differs, sizeof out->differs, w->differs);
    }
    fill_offer(p, out);
    return 0;
}
