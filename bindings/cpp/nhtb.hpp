/* SPDX-License-Identifier: Apache-2.0
 * C++17 handles of libnhtb: move-only owners of the context, a worker, a transaction and an arena.
 * Header only, no exceptions, no RTTI, no allocation of its own. Each call forwards to the C
 * function of the same name, whose header documents it; results with a value come as
 * nhtb::result<T>. Threads: as in C (the context is for one thread, a worker for its own). */
#ifndef NHTB_HPP
#define NHTB_HPP

#include <nhtb/nhtb.h>

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace nhtb
{

/** An error code of nhtb/types.h. True when it is a failure. */
class [[nodiscard]] status
{
  public:
    constexpr status() noexcept = default;
    constexpr explicit status(int code) noexcept : code_(code)
    {
    }
    constexpr int code() const noexcept
    {
        return code_;
    }
    constexpr explicit operator bool() const noexcept
    {
        return code_ != NHTB_OK;
    }
    const char *text() const noexcept
    {
        return nhtb_strerror(code_);
    }
    nhtb_err_kind kind() const noexcept
    {
        return nhtb_err_class(code_);
    }

  private:
    int code_ = NHTB_OK;
};

/** A T, or the reason why there is none. True when it holds a value; value() needs that. */
template <class T> class [[nodiscard]] result
{
  public:
    result(T value) noexcept : value_(std::move(value))
    {
    }
    result(status e) noexcept : error_(e), none_()
    {
        assert(e && "a failed result needs an error code");
    }
    result(result &&other) noexcept : error_(other.error_), none_()
    {
        if (!error_)
            new (&value_) T(std::move(other.value_));
    }
    result(const result &) = delete;
    result &operator=(const result &) = delete;
    result &operator=(result &&) = delete;
    ~result()
    {
        if (!error_)
            value_.~T();
    }

    explicit operator bool() const noexcept
    {
        return !error_;
    }
    status error() const noexcept
    {
        return error_;
    }
    T &value() &noexcept
    {
        assert(!error_);
        return value_;
    }
    T &&value() &&noexcept
    {
        assert(!error_);
        return std::move(value_);
    }
    T &operator*() &noexcept
    {
        return value();
    }
    T *operator->() noexcept
    {
        return &value();
    }

  private:
    status error_;
    union {
        T value_;
        char none_;
    };
};

/** Owner of a C object: moved, never copied, ended by Del. */
template <class C, void (*Del)(C *)> class handle
{
  public:
    handle() noexcept = default;
    explicit handle(C *p) noexcept : p_(p)
    {
    }
    handle(handle &&other) noexcept : p_(other.release())
    {
    }
    handle &operator=(handle &&other) noexcept
    {
        if (this != &other)
            reset(other.release());
        return *this;
    }
    handle(const handle &) = delete;
    handle &operator=(const handle &) = delete;
    ~handle()
    {
        reset();
    }

    C *get() const noexcept
    {
        return p_;
    }
    explicit operator bool() const noexcept
    {
        return p_ != nullptr;
    }
    C *release() noexcept
    {
        return std::exchange(p_, nullptr);
    }
    void reset(C *p = nullptr) noexcept
    {
        C *old = std::exchange(p_, p);
        if (old != nullptr)
            Del(old);
    }

  private:
    C *p_ = nullptr;
};

/** Sized structs with their defaults filled in: auto s = nhtb::init<nhtb_settings>(). */
template <class T> T init() noexcept
{
    T v{};
    v.size = static_cast<uint32_t>(sizeof v);
    return v;
}
template <> inline nhtb_settings init<nhtb_settings>() noexcept
{
    nhtb_settings v{};
    nhtb_settings_init(&v);
    return v;
}
template <> inline nhtb_iface init<nhtb_iface>() noexcept
{
    nhtb_iface v{};
    nhtb_iface_init(&v);
    return v;
}
template <> inline nhtb_peer init<nhtb_peer>() noexcept
{
    nhtb_peer v{};
    nhtb_peer_init(&v);
    return v;
}
template <> inline nhtb_child init<nhtb_child>() noexcept
{
    nhtb_child v{};
    nhtb_child_init(&v);
    return v;
}

inline result<nhtb_addr> parse_addr(const char *text) noexcept
{
    nhtb_addr a{};
    if (int err = nhtb_addr_parse(text, &a))
        return status(err);
    return a;
}
inline result<nhtb_prefix> parse_prefix(const char *text) noexcept
{
    nhtb_prefix p{};
    if (int err = nhtb_prefix_parse(text, &p))
        return status(err);
    return p;
}

inline constexpr std::size_t heap_align = 64;

/** An allocator over N bytes inside the object, for hosts without a heap. It must stay where it is
 *  and outlive every context that uses its hooks. */
template <std::size_t N> class arena
{
  public:
    arena() noexcept : arena_(nhtb_arena_init(memory_, N))
    {
    }
    arena(const arena &) = delete;
    arena &operator=(const arena &) = delete;

    explicit operator bool() const noexcept
    {
        return arena_ != nullptr;
    }
    nhtb_arena *get() const noexcept
    {
        return arena_;
    }
    std::size_t used() const noexcept
    {
        return nhtb_arena_used(arena_);
    }
    std::size_t peak() const noexcept
    {
        return nhtb_arena_peak(arena_);
    }

  private:
    alignas(16) unsigned char memory_[N];
    nhtb_arena *arena_;
};

/** Host hooks over the arena; the random source has no default. */
template <std::size_t N>
nhtb_host arena_host(arena<N> &a, int (*random)(void *, uint8_t *, size_t)) noexcept
{
    nhtb_host h = init<nhtb_host>();
    h.user = a.get();
    h.alloc = nhtb_arena_alloc;
    h.free = nhtb_arena_free;
    h.random = random;
    return h;
}

/** Host hooks over operator new. Every block is aligned to a cache line at least, so that the
 *  alignment, which the free hook is not told, is known; larger alignments are refused. */
inline nhtb_host heap_host(int (*random)(void *, uint8_t *, size_t), void *user = nullptr) noexcept
{
    nhtb_host h = init<nhtb_host>();
    h.user = user;
    h.random = random;
    h.alloc = [](void *, size_t n, size_t align) -> void * {
        if (align > heap_align)
            return nullptr;
        return ::operator new(n, std::align_val_t(heap_align), std::nothrow);
    };
    h.free = [](void *, void *p, size_t) { ::operator delete(p, std::align_val_t(heap_align)); };
    return h;
}

class txn;
class worker;

class context : public handle<nhtb_ctx, nhtb_ctx_del>
{
  public:
    using handle::handle;

    static result<context> make(const nhtb_settings &s, const nhtb_host &h,
                                const nhtb_crypto &c) noexcept
    {
        nhtb_ctx *p = nullptr;
        if (int err = nhtb_ctx_new(&p, &s, &h, &c))
            return status(err);
        return context(p);
    }

    inline result<txn> begin() noexcept;
    inline result<worker> make_worker(unsigned index) noexcept;

    status feed(nhtb_pkt *const *v, std::size_t n, nhtb_time now) noexcept
    {
        return status(nhtb_feed(get(), v, n, now));
    }
    std::size_t drain(nhtb_pkt *const *v, std::size_t n, nhtb_time now) noexcept
    {
        return nhtb_drain(get(), v, n, now);
    }
    nhtb_time deadline() const noexcept
    {
        return nhtb_deadline(get());
    }
    status timeout(nhtb_time now) noexcept
    {
        return status(nhtb_timeout(get(), now));
    }
    bool next_event(nhtb_event &ev) noexcept
    {
        nhtb_event_init(&ev);
        return nhtb_next_event(get(), &ev);
    }
    /** Does all waiting public-key work here and now; returns how many jobs there were. */
    std::size_t run_jobs(nhtb_time now) noexcept
    {
        std::size_t n = 0;
        for (nhtb_job *job = nullptr; nhtb_next_job(get(), &job); n++) {
            nhtb_job_run(job);
            nhtb_job_done(get(), job, now);
        }
        return n;
    }
    status shutdown(nhtb_time now) noexcept
    {
        return status(nhtb_shutdown(get(), now));
    }
    bool idle() const noexcept
    {
        return nhtb_idle(get());
    }
    result<nhtb_stats> stats() noexcept
    {
        nhtb_stats s = init<nhtb_stats>();
        if (int err = nhtb_stats_get(get(), &s))
            return status(err);
        return s;
    }

    /** Calls f(row) for each row of a table, for example each<nhtb_iface_info>(nhtb_iface_next, f).
     *  Returns the number of rows. */
    template <class Row, class F>
    std::size_t each(bool (*next)(nhtb_ctx *, uint32_t *, Row *), F &&f) noexcept
    {
        std::size_t n = 0;
        uint32_t cursor = 0;
        for (Row row = init<Row>(); next(get(), &cursor, &row); row = init<Row>(), n++)
            f(static_cast<const Row &>(row));
        return n;
    }
};

/** One per thread; nhtb_worker_del is a control-thread call, so end it after its thread. */
class worker : public handle<nhtb_worker, nhtb_worker_del>
{
  public:
    using handle::handle;

    void out(nhtb_burst &b, nhtb_time now) noexcept
    {
        nhtb_worker_out(get(), &b, now);
    }
    void in(nhtb_burst &b, nhtb_time now) noexcept
    {
        nhtb_worker_in(get(), &b, now);
    }
    void rest() noexcept
    {
        nhtb_worker_rest(get());
    }
};

/** Ends by commit(); one that goes out of scope without it is aborted and nothing changed. */
class txn : public handle<nhtb_txn, nhtb_txn_abort>
{
  public:
    using handle::handle;

    result<nhtb_iface_id> iface(const nhtb_iface &i) noexcept
    {
        nhtb_iface_id id{};
        if (int err = nhtb_txn_iface(get(), &i, &id))
            return status(err);
        return id;
    }
    status iface_del(nhtb_iface_id id) noexcept
    {
        return status(nhtb_txn_iface_del(get(), id));
    }
    status route(const nhtb_route &r) noexcept
    {
        return status(nhtb_txn_route(get(), &r));
    }
    status route_del(const nhtb_prefix &p) noexcept
    {
        return status(nhtb_txn_route_del(get(), &p));
    }
    status binding(const nhtb_binding &b) noexcept
    {
        return status(nhtb_txn_binding(get(), &b));
    }
    status binding_del(nhtb_iface_id iface, const nhtb_addr &next_hop) noexcept
    {
        return status(nhtb_txn_binding_del(get(), iface, &next_hop));
    }
    result<nhtb_sa_id> sa(const nhtb_manual_sa &sa) noexcept
    {
        nhtb_sa_id id{};
        if (int err = nhtb_txn_sa(get(), &sa, &id))
            return status(err);
        return id;
    }
    status sa_del(nhtb_sa_id id) noexcept
    {
        return status(nhtb_txn_sa_del(get(), id));
    }
    status policy(nhtb_iface_id iface, const nhtb_policy *v, std::size_t n) noexcept
    {
        return status(nhtb_txn_policy(get(), iface, v, n));
    }
    result<nhtb_peer_id> peer(const nhtb_peer &p) noexcept
    {
        nhtb_peer_id id{};
        if (int err = nhtb_txn_peer(get(), &p, &id))
            return status(err);
        return id;
    }
    status peer_del(nhtb_peer_id id) noexcept
    {
        return status(nhtb_txn_peer_del(get(), id));
    }
    status commit(nhtb_time now) noexcept
    {
        return status(nhtb_txn_commit(release(), now));
    }
};

inline result<txn> context::begin() noexcept
{
    nhtb_txn *t = nullptr;
    if (int err = nhtb_txn_begin(get(), &t))
        return status(err);
    return txn(t);
}

inline result<worker> context::make_worker(unsigned index) noexcept
{
    nhtb_worker *w = nullptr;
    if (int err = nhtb_worker_new(&w, get(), index))
        return status(err);
    return worker(w);
}

} // namespace nhtb

#endif
