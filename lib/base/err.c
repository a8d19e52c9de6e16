/* SPDX-License-Identifier: Apache-2.0
 * Classes and texts of the public error codes. Called by hosts; any thread. */
#include "base/base.h"

nhtb_err_kind nhtb_err_class(int err)
{
    if (err >= 0) {
        return NHTB_ERR_CLASS_NONE;
    }
    if (err > NHTB_ERR_MEMORY) {
        return NHTB_ERR_CLASS_USAGE;
    }
    if (err > NHTB_ERR_RANDOM) {
        return NHTB_ERR_CLASS_RESOURCE;
    }
    return err > NHTB_ERR_INTERNAL ? NHTB_ERR_CLASS_BACKEND : NHTB_ERR_CLASS_FATAL;
}

const char *nhtb_strerror(int err)
{
    switch (err) {
    case NHTB_OK: return "success";
    case NHTB_ERR_ARG: return "invalid argument";
    case NHTB_ERR_STALE: return "the object is gone";
    case NHTB_ERR_STATE: return "not allowed in this state";
    case NHTB_ERR_EXISTS: return "exists already";
    case NHTB_ERR_NOT_FOUND: return "not found";
    case NHTB_ERR_CONFLICT: return "conflicts with another object";
    case NHTB_ERR_UNSUPPORTED: return "not supported by this build or its backends";
    case NHTB_ERR_SHORT: return "the buffer is too small";
    case NHTB_ERR_MEMORY: return "out of memory";
    case NHTB_ERR_LIMIT: return "a configured limit is reached";
    case NHTB_ERR_BUSY: return "a queue is full";
    case NHTB_ERR_RANDOM: return "the random source failed";
    case NHTB_ERR_CRYPTO: return "the crypto backend failed";
    case NHTB_ERR_INTERNAL: return "internal error";
    default: return "unknown error";
    }
}
