/* SPDX-License-Identifier: Apache-2.0
 * Manual SA pairs (static keys, no IKE): each is a tunnel of its own. Keys that this context has
 * seen are refused for good, because the sequence numbers start at 1 (RFC 4303 3.3.2; nonces of an
 * AEAD would repeat). Called by txn.c; control thread. */
#include "db/internal.h"

enum { SPI_RESERVED = 255 }; /* RFC 4303 2.1 */

static bool arguments_ok(const nhtb_manual_sa *m, const nhi_bulk_facts *f)
{
    return m->name != NULL && m->name[0] != 0 && nhi_strlen(m->name) < NHTB_NAME_MAX &&
           m->spi_in > SPI_RESERVED && m->spi_out > SPI_RESERVED && f != NULL &&
           m->key_in.n == nhi_bulk_keymat_len(f) && m->key_out.n == nhi_bulk_keymat_len(f) &&
           m->path.remote.family != 0 && m->path.remote.family == m->path.local.family &&
           (m->n_local_ts == 0 || m->local_ts != NULL) &&
           (m->n_remote_ts == 0 || m->remote_ts != NULL);
}

static void copy_selectors(nhi_db_manual *d, const nhtb_manual_sa *m)
{
    nhtb_ts *v = (void *)(d + 1);
    if (m->n_local_ts != 0)
        memcpy(v, m->local_ts, m->n_local_ts * sizeof *v);
    if (m->n_remote_ts != 0)
        memcpy(v + m->n_local_ts, m->remote_ts, m->n_remote_ts * sizeof *v);
    d->sa.local_ts = v;
    d->sa.remote_ts = v + m->n_local_ts;
    d->sa.n_local_ts = m->n_local_ts;
    d->sa.n_remote_ts = m->n_remote_ts;
}

static nhi_db_manual *copy_of(nhi_db *db, const nhtb_manual_sa *m, const nhi_bulk_facts *f)
{
    size_t ts = (size_t)m->n_local_ts + m->n_remote_ts;
    size_t size = sizeof(nhi_db_manual) + ts * sizeof(nhtb_ts);
    nhi_db_manual *d = nhi_mem_alloc(db->mem, size, 16);
    if (d == NULL)
        return NULL;
    d->size = size;
    (void)nhi_strcpy(d->name, sizeof d->name, m->name);
    memcpy(d->key_in, m->key_in.p, m->key_in.n);
    memcpy(d->key_out, m->key_out.p, m->key_out.n);
    d->sa = (nhi_db_sa){.facts = f,
                        .esn = m->esn,
                        .spi_in = m->spi_in,
                        .spi_out = m->spi_out,
                        .key_in = {d->key_in, m->key_in.n},
                        .key_out = {d->key_out, m->key_out.n},
                        .path = m->path,
                        .path_mtu = m->mtu,
                        .rekey_at = NHTB_NEVER,
                        .expires = NHTB_NEVER,
                        .use_now = true};
    copy_selectors(d, m);
    return d;
}

int nhi_db_manual_record(nhi_db *db, const nhtb_manual_sa *sa, nhi_db_op *op)
{
    const nhi_bulk_facts *f = nhi_bulk_find(sa->encr, sa->key_bits, sa->integ);
    if (!arguments_ok(sa, f))
        return NHTB_ERR_ARG;
    if (!db->env.crypto->bulk->has(f->alg))
        return NHTB_ERR_UNSUPPORTED;
    op->u.manual = copy_of(db, sa, f);
    if (op->u.manual == NULL)
        return NHTB_ERR_MEMORY;
    nhi_db_pair *p;
    int err = nhi_db_pair_new(db, true, &p);
    if (err == 0)
        op->id = p->id;
    else
        nhi_mem_wipe_free(db->mem, op->u.manual, op->u.manual->size);
    return err;
}

int nhi_db_manual_prepare(nhi_db *db, nhi_db_op *op)
{
    nhi_db_manual *d = op->u.manual;
    nhi_db_pair *p = nhi_slab_get(&db->pairs, op->id);
    nhi_db_tunnel *t;
    if (nhi_db_spi_taken(db, d->sa.spi_in))
        return NHTB_ERR_CONFLICT;
    int err = nhi_db_tunnel_make(db, 0, 0, d->name, op->iface, &t);
    if (err != 0)
        return err;
    nhi_endpoint *e = nhi_db_endpoint_make(db, &d->sa.path, d->sa.path_mtu);
    nhi_a_store(&t->path->endpoint, e); /* nobody sees the path yet */
    t->mtu_start = d->sa.path_mtu != 0 ? d->sa.path_mtu : 1500;
    uint16_t anchor = nhi_db_spi_worker(db, d->sa.spi_in);
    err = e == NULL ? NHTB_ERR_MEMORY : nhi_db_pair_enter(db, p, t, &d->sa, anchor);
    if (err != 0) {
        nhi_db_tunnel_unmake(db, t);
        return err;
    }
    db->unit[anchor].gateways++;
    op->made = t;
    return 0;
}

static void forget_copy(nhi_db *db, nhi_db_op *op)
{
    nhi_mem_wipe_free(db->mem, op->u.manual, op->u.manual->size);
    op->u.manual = NULL;
}

void nhi_db_manual_commit(nhi_db *db, nhi_db_op *op)
{
    forget_copy(db, op);
    nhi_db_tunnel_commit(db, op->made);
    nhi_db_pair_start(db, nhi_slab_get(&db->pairs, op->id), NULL, true);
}

void nhi_db_manual_abort(nhi_db *db, nhi_db_op *op)
{
    nhi_db_pair *p = nhi_slab_get(&db->pairs, op->id);
    if (op->made != NULL) {
        db->unit[p->mem->in->worker].gateways--;
        nhi_db_pair_leave(db, p);
        nhi_db_tunnel_unmake(db, op->made);
    }
    (void)nhi_slab_del(&db->pairs, op->id);
    forget_copy(db, op);
}

int nhi_db_manual_prepare_del(nhi_db *db, const nhi_db_op *op)
{
    const nhi_db_pair *p = nhi_slab_get(&db->pairs, op->id);
    if (p == NULL || p->tunnel == NULL || p->tunnel->s_dead)
        return NHTB_ERR_STALE;
    if (!p->manual)
        return NHTB_ERR_STATE; /* IKE's own end with their peer */
    nhi_db_tunnel_stage_del(db, p->tunnel);
    return 0;
}
