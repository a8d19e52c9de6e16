/* SPDX-License-Identifier: Apache-2.0
 * Name constraints: directory names, DNS names, mailboxes, addresses, URIs; a constraint of any
 * other form is not met. The same code for every backend. Any thread. RFC 5280 4.2.1.10. */
#include "crypto/cert.h"

enum { MAILBOX = 0x81, DNS = 0x82, URI = 0x86, ADDRESS = 0x87, DIRECTORY = 0xa4 };

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool tail_is(nhtb_span s, nhtb_span tail)
{
    if (tail.n > s.n)
        return false;
    for (size_t i = 0; i < tail.n; i++) {
        if (lower(s.p[s.n - tail.n + i]) != lower(tail.p[i]))
            return false;
    }
    return true;
}

/* "example.org" allows itself and what ends with ".example.org"; an empty one allows all. */
static bool dns_within(nhtb_span base, nhtb_span name)
{
    if (base.n == 0)
        return true;
    if (base.p[0] == '.')
        return name.n > base.n && tail_is(name, base);
    return tail_is(name, base) && (name.n == base.n || name.p[name.n - base.n - 1] == '.');
}

static nhtb_span behind(nhtb_span s, uint8_t mark)
{
    for (size_t i = s.n; i-- > 0;) {
        if (s.p[i] == mark)
            return (nhtb_span){s.p + i + 1, s.n - i - 1};
    }
    return (nhtb_span){NULL, 0};
}

/* A host "example.org" allows mailboxes of exactly that host, ".example.org" those of hosts below. */
static bool host_within(nhtb_span base, nhtb_span host)
{
    if (base.n != 0 && base.p[0] == '.')
        return host.n > base.n && tail_is(host, base);
    return host.n == base.n && tail_is(host, base);
}

static bool mailbox_within(nhtb_span base, nhtb_span name)
{
    nhtb_span base_host = behind(base, '@'), host = behind(name, '@');
    if (host.n == 0)
        return false;
    if (base_host.n == 0)
        return host_within(base, host);
    size_t at = name.n - host.n;
    return base.n - base_host.n == at && memcmp(base.p, name.p, at) == 0 &&
           host_within(base_host, host);
}

/* The host of "scheme://user@host:port/path"; none: nothing that could be allowed. */
static nhtb_span uri_host(nhtb_span u)
{
    nhtb_span none = {NULL, 0};
    size_t i = 0;
    while (i + 2 < u.n && memcmp(u.p + i, "://", 3) != 0)
        i++;
    if (i + 3 >= u.n)
        return none;
    nhtb_span s = {u.p + i + 3, 0};
    for (i += 3; i < u.n && u.p[i] != '/' && u.p[i] != '?' && u.p[i] != '#'; i++)
        s.n++;
    nhtb_span after = behind(s, '@');
    if (after.n != 0)
        s = after;
    for (size_t k = 0; k < s.n; k++) {
        if (s.p[k] == ':')
            s.n = k;
    }
    return s;
}

static bool address_within(nhtb_span base, nhtb_span a)
{
    if (base.n != 2 * a.n)
        return false;
    for (size_t i = 0; i < a.n; i++) {
        if ((a.p[i] & base.p[a.n + i]) != (base.p[i] & base.p[a.n + i]))
            return false;
    }
    return true;
}

static bool within(uint8_t tag, nhtb_span base, nhtb_span name)
{
    switch (tag) {
    case MAILBOX: return mailbox_within(base, name);
    case DNS: return dns_within(base, name);
    case URI: return host_within(base, uri_host(name));
    case ADDRESS: return address_within(base, name);
    default: return nhi_dn_within(base, name);
    }
}

static bool known(uint8_t tag)
{
    return tag == MAILBOX || tag == DNS || tag == URI || tag == ADDRESS || tag == DIRECTORY;
}

/* Over one list of subtrees; any: one of the name's form was there; hit: one holds the name.
 * False: malformed or of a form we cannot judge. */
static bool subtrees(nhtb_span list, uint8_t tag, nhtb_span name, bool *any, bool *hit)
{
    nhi_rd r = nhi_der_open(list);
    *any = *hit = false;
    while (nhi_rd_left(&r) != 0) {
        nhi_rd t = nhi_der_open(nhi_der_get(&r, NHI_DER_SEQUENCE));
        uint8_t form;
        nhtb_span base;
        if (r.bad || !nhi_der_next(&t, &form, &base, NULL) || !nhi_der_done(&t) || !known(form))
            return false; /* minimum and maximum are never used (4.2.1.10) */
        if (form != tag)
            continue;
        *any = true;
        *hit = *hit || within(tag, base, name);
    }
    return true;
}

static bool allowed(nhtb_span permitted, nhtb_span excluded, uint8_t tag, nhtb_span name)
{
    bool any, hit;
    if (!subtrees(permitted, tag, name, &any, &hit) || (any && !hit))
        return false;
    return subtrees(excluded, tag, name, &any, &hit) && !hit;
}

static const uint8_t oid_email[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01};

/* Without a mailbox among the alternative names, those in the subject count as such. */
static bool subject_mail_allowed(nhtb_span subject, nhtb_span permitted, nhtb_span excluded)
{
    nhi_rd w = nhi_der_open(subject);
    nhi_rd r = nhi_der_open(nhi_der_get(&w, NHI_DER_SEQUENCE));
    while (nhi_rd_left(&r) != 0 && !r.bad) {
        nhi_rd set = nhi_der_open(nhi_der_get(&r, NHI_DER_SET));
        while (nhi_rd_left(&set) != 0 && !set.bad) {
            nhi_rd a = nhi_der_open(nhi_der_get(&set, NHI_DER_SEQUENCE));
            nhtb_span oid = nhi_der_get(&a, NHI_DER_OID), v;
            uint8_t tag;
            if (nhi_der_next(&a, &tag, &v, NULL) && oid.n == sizeof oid_email &&
                memcmp(oid.p, oid_email, oid.n) == 0 && !allowed(permitted, excluded, MAILBOX, v))
                return false;
        }
    }
    return true;
}

static bool alternatives_allowed(const nhi_cert *c, nhtb_span permitted, nhtb_span excluded,
                                 bool *mail)
{
    nhi_rd w = nhi_der_open(c->san);
    if (c->san.n == 0)
        return true;
    nhi_rd r = nhi_der_open(nhi_der_get(&w, NHI_DER_SEQUENCE));
    while (nhi_rd_left(&r) != 0) {
        uint8_t tag;
        nhtb_span name;
        if (!nhi_der_next(&r, &tag, &name, NULL))
            return false;
        *mail = *mail || tag == MAILBOX;
        if (known(tag) && !allowed(permitted, excluded, tag, name))
            return false;
    }
    return nhi_der_done(&w) && !r.bad;
}

bool nhi_cert_name_allowed(const nhi_cert *c, nhtb_span constraints)
{
    nhi_rd w = nhi_der_open(constraints);
    nhi_rd r = nhi_der_open(nhi_der_get(&w, NHI_DER_SEQUENCE));
    nhtb_span permitted = {NULL, 0}, excluded = {NULL, 0};
    bool mail = false, any, hit;
    (void)nhi_der_maybe(&r, NHI_DER_CONSTRUCTED | 0, &permitted);
    (void)nhi_der_maybe(&r, NHI_DER_CONSTRUCTED | 1, &excluded);
    if (!nhi_der_done(&w) || !nhi_der_done(&r))
        return false;
    if (!subtrees(permitted, 0, c->subject, &any, &hit) ||
        !subtrees(excluded, 0, c->subject, &any, &hit))
        return false;
    bool empty = c->subject.n == 2;
    if (!empty && !allowed(permitted, excluded, DIRECTORY, c->subject))
        return false;
    if (!alternatives_allowed(c, permitted, excluded, &mail))
        return false;
    return mail || subject_mail_allowed(c->subject, permitted, excluded);
}
