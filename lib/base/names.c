/* SPDX-License-Identifier: Apache-2.0
 * Names and texts of reasons, events and details, from the lists in the public headers; the version.
 * Called by hosts (logs, JSON); any thread. */
#include <nhtb/event.h>
#include <nhtb/pkt.h>
#include <nhtb/version.h>

#include "base/base.h"

static const char *pick(const char *const *v, size_t n, unsigned i)
{
    return i < n ? v[i] : "?";
}

const char *nhtb_reason_name(unsigned reason)
{
#define X(sym, name, text) name,
    static const char *const v[] = {NHTB_REASONS(X)};
#undef X
    return pick(v, NHI_ARRAY_LEN(v), reason);
}

const char *nhtb_reason_text(unsigned reason)
{
#define X(sym, name, text) text,
    static const char *const v[] = {NHTB_REASONS(X)};
#undef X
    return pick(v, NHI_ARRAY_LEN(v), reason);
}

const char *nhtb_event_name(unsigned kind)
{
#define X(sym, name) name,
    static const char *const v[] = {NHTB_EVENTS(X)};
#undef X
    return pick(v, NHI_ARRAY_LEN(v), kind);
}

const char *nhtb_detail_name(unsigned detail)
{
#define X(sym, name, text) name,
    static const char *const v[] = {NHTB_DETAILS(X)};
#undef X
    return pick(v, NHI_ARRAY_LEN(v), detail);
}

const char *nhtb_detail_text(unsigned detail)
{
#define X(sym, name, text) text,
    static const char *const v[] = {NHTB_DETAILS(X)};
#undef X
    return pick(v, NHI_ARRAY_LEN(v), detail);
}

const char *nhtb_version(void)
{
    return NHTB_VERSION;
}
