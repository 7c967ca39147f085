// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * cgtune.hpp - cgtune for C++17: values, results and what gives itself back; a header and nothing else
 *
 *	cgtune::init();
 *	run_workers(cgtune::threads());
 *
 *	auto limiter = cgtune::limiter::make();
 *	if (auto slot = limiter->acquire())
 *		serve(request);			// the slot is given back at the end of the scope
 *	else
 *		refuse(503, limiter->retry_after(), slot.error().reason());
 *
 * No function throws, unless memory for a std::function is lacking; -fno-exceptions
 * and -fno-rtti will do. What can fail gives a result: a value, or an error that
 * holds the negative errno of the C function. cgtune.h says what the values mean.
 */
#ifndef CGTUNE_HPP
#define CGTUNE_HPP

#include <cgtune.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <variant>

namespace cgtune {

/** error - the negative errno of a function that failed */
class [[nodiscard]] error {
public:
	explicit error(int code) noexcept : code_(code) {}
	/** Below 0, as the C function returned it. */
	int code() const noexcept { return code_; }
	/** A sentence. */
	const char *message() const noexcept { return cgtune_strerror(code_); }
	/** Of a limiter's refusal: "capacity", "timeout", "closed" or "memory". */
	const char *reason() const noexcept { return cgtune_limiter_reason(code_); }

private:
	int code_;
};

/** result - a T, or why there is none; to be asked first, as std::optional is */
template <typename T> class [[nodiscard]] result {
public:
	result(T value) noexcept : held_(std::move(value)) {}
	result(cgtune::error why) noexcept : held_(why) {}

	bool has_value() const noexcept { return held_.index() == 0; }
	explicit operator bool() const noexcept { return has_value(); }
	T &operator*() noexcept { return *std::get_if<0>(&held_); }
	const T &operator*() const noexcept { return *std::get_if<0>(&held_); }
	T *operator->() noexcept { return std::get_if<0>(&held_); }
	const T *operator->() const noexcept { return std::get_if<0>(&held_); }
	/** Only of a result without a value. */
	cgtune::error error() const noexcept { return *std::get_if<1>(&held_); }

private:
	std::variant<T, cgtune::error> held_;
};

namespace detail {

/** A struct of the header that knows its size, as each has to. */
template <typename T> struct sized : T {
	sized() noexcept : T() { this->size = sizeof(T); }
};

/** The value of a getter, without the number that stands for none. */
inline std::optional<std::uint64_t> known(std::uint64_t value) noexcept
{
	return value == CGTUNE_UNLIMITED ? std::nullopt : std::optional(value);
}

template <typename T> result<T> value_or(int r, const T &value) noexcept
{
	return r < 0 ? result<T>(error(r)) : result<T>(value);
}

/** Rounded up; -1, the backlog timeout, for none, and no more than fits. */
inline int milliseconds(std::optional<std::chrono::nanoseconds> time) noexcept
{
	if (!time)
		return -1;
	auto ms = std::chrono::ceil<std::chrono::milliseconds>(*time).count();
	return ms < 0 ? 0 : ms > INT32_MAX ? INT32_MAX : static_cast<int>(ms);
}

} // namespace detail

/** The structs of cgtune.h, with their size set: options o; o.permille = 800; */
using options = detail::sized<struct cgtune_options>;
using limiter_options = detail::sized<struct cgtune_limiter_options>;
using request = detail::sized<struct cgtune_request>;
using usage = detail::sized<struct cgtune_usage>;
using throttle = detail::sized<struct cgtune_throttle>;
using limiter_stats = detail::sized<struct cgtune_limiter_stats>;

/** limits - what the kernel grants; struct cgtune_limits */
struct limits : detail::sized<struct cgtune_limits> {
	static result<limits> read(const cgtune_options *how = nullptr) noexcept
	{
		limits ret;

		return detail::value_or(cgtune_read(how, &ret), ret);
	}
	/** In CPUs; the exact pair is cpu_quota_us and cpu_period_us. */
	std::optional<double> cpu_limit() const noexcept
	{
		if (!cpu_period_us)
			return std::nullopt;
		return static_cast<double>(cpu_quota_us) / static_cast<double>(cpu_period_us);
	}
	/** In bytes. */
	std::optional<std::uint64_t> memory_limit() const noexcept { return detail::known(memory); }
	std::optional<std::uint64_t> memory_high_limit() const noexcept { return detail::known(memory_high); }
};

/** plan - decisions; struct cgtune_plan */
struct plan : detail::sized<struct cgtune_plan> {
	static result<plan> make(const cgtune_limits &from, const cgtune_options *how = nullptr) noexcept
	{
		plan ret;

		return detail::value_or(::cgtune_plan(how, &from, &ret), ret);
	}
	std::optional<std::uint64_t> budget() const noexcept { return detail::known(memory); }
	/** Before the first thread: it sets variables of the environment. 0; or a negative errno. */
	int apply() const noexcept { return cgtune_apply(this); }
};

/** Once per process, before the first thread: a mask of enum cgtune_resource, or a negative errno. */
inline int init(const cgtune_options *how = nullptr) noexcept { return cgtune_init_with(how); }
/** Worker threads to run, at least 1. */
inline unsigned threads() noexcept { return cgtune_threads(); }
/** The memory budget in bytes. */
inline std::optional<std::uint64_t> memory() noexcept { return detail::known(cgtune_memory()); }
/** A part of it. */
inline std::optional<std::uint64_t> memory_share(unsigned permille) noexcept
{
	return detail::known(cgtune_memory_share(permille));
}
/** For a pool that waits more than it computes. */
inline unsigned pool_size(unsigned multiplier, unsigned minimum = 1) noexcept
{
	return cgtune_pool_size(multiplier, minimum);
}

inline result<usage> read_usage(const cgtune_options *how = nullptr) noexcept
{
	usage ret;

	return detail::value_or(cgtune_usage_read(how, &ret), ret);
}

inline result<throttle> read_throttle(const cgtune_options *how = nullptr) noexcept
{
	throttle ret;

	return detail::value_or(cgtune_throttle_read(how, &ret), ret);
}

/** Bytes left below the memory limit, CGTUNE_UNLIMITED without one. */
inline result<std::uint64_t> memory_available(const cgtune_options *how = nullptr) noexcept
{
	std::uint64_t ret = 0;

	return detail::value_or(cgtune_memory_available_of(how, &ret), ret);
}

/**
 * watch - a thread that follows the limits as long as this lives
 *
 * The handler is called on that thread, and must not throw. One at a time: the process has one handler.
 */
class watch {
public:
	using handler = std::function<void(const cgtune_change &)>;

	explicit watch(handler changed = nullptr) : changed_(std::move(changed))
	{
		if (changed_)
			cgtune_on_change(call, this);
		status_ = cgtune_watch_start();
	}
	~watch()
	{
		cgtune_watch_stop();
		if (changed_)
			cgtune_on_change(nullptr, nullptr);
	}
	watch(const watch &) = delete;
	watch &operator=(const watch &) = delete;
	/** 0; or why nothing is followed, a negative errno. */
	int status() const noexcept { return status_; }

private:
	static void call(const cgtune_change *change, void *user) { static_cast<watch *>(user)->changed_(*change); }

	handler changed_;
	int status_;
};

/** slot - a request that was admitted; it is given back once, at the latest when this ends. Not after its limiter. */
class [[nodiscard]] slot {
public:
	explicit slot(cgtune_limiter *of) noexcept : limiter_(of) {}
	slot(slot &&other) noexcept : limiter_(std::exchange(other.limiter_, nullptr)) {}
	slot &operator=(slot &&other) noexcept
	{
		if (this != &other) {
			finish();
			limiter_ = std::exchange(other.limiter_, nullptr);
		}
		return *this;
	}
	~slot() { finish(); }
	/** Leave, and say how it ended; a second time it is nothing. */
	void finish(cgtune_outcome outcome = CGTUNE_OUTCOME_OK) noexcept
	{
		cgtune_limiter_finish(std::exchange(limiter_, nullptr), outcome);
	}

private:
	cgtune_limiter *limiter_;
};

/** limiter - admission; for event loops get() and cgtune_limiter_async() */
class limiter {
public:
	/** Without options: of the size that the limits of the process give, which it follows. */
	static result<limiter> make(const cgtune_limiter_options *how = nullptr) noexcept
	{
		cgtune_limiter *made = nullptr;
		int r = cgtune_limiter_new(how, &made);

		return r < 0 ? result<limiter>(error(r)) : result<limiter>(limiter(made));
	}
	limiter(limiter &&other) noexcept : limiter_(std::exchange(other.limiter_, nullptr)) {}
	limiter &operator=(limiter &&other) noexcept
	{
		std::swap(limiter_, other.limiter_);
		return *this;
	}
	~limiter() { cgtune_limiter_free(limiter_); }

	/** Wait for that long, nullopt: for the backlog timeout. */
	result<slot> acquire(std::optional<std::chrono::nanoseconds> timeout = std::nullopt) noexcept
	{
		return slot_or(cgtune_limiter_acquire(limiter_, detail::milliseconds(timeout)));
	}
	result<slot> acquire(const cgtune_request &as) noexcept { return slot_or(cgtune_limiter_acquire_as(limiter_, &as)); }
	/** Never wait. */
	result<slot> try_acquire() noexcept { return slot_or(cgtune_limiter_try(limiter_)); }
	/** 0; or a negative errno. */
	int resize(std::uint32_t limit, std::uint32_t backlog) noexcept
	{
		return cgtune_limiter_resize(limiter_, limit, backlog);
	}
	void close() noexcept { cgtune_limiter_close(limiter_); }
	/** Close, and wait until nobody is in; nullopt: for ever. false: somebody still is. */
	bool drain(std::optional<std::chrono::nanoseconds> timeout = std::nullopt) noexcept
	{
		return cgtune_limiter_drain(limiter_, detail::milliseconds(timeout)) == 0;
	}
	limiter_stats stats() const noexcept
	{
		limiter_stats ret;

		cgtune_limiter_stats(limiter_, &ret);
		return ret;
	}
	/** For the header. */
	std::chrono::seconds retry_after() const noexcept
	{
		return std::chrono::seconds(cgtune_limiter_retry_after(limiter_));
	}
	cgtune_limiter *get() const noexcept { return limiter_; }

private:
	explicit limiter(cgtune_limiter *made) noexcept : limiter_(made) {}
	result<slot> slot_or(int r) const noexcept
	{
		return r < 0 ? result<slot>(error(r)) : result<slot>(slot(limiter_));
	}

	cgtune_limiter *limiter_;
};

/** "cgroup", "affinity", "host", ... */
inline const char *source_name(std::uint32_t source) noexcept { return cgtune_source_name(source); }
inline const char *version() noexcept { return cgtune_version(); }

} // namespace cgtune

#endif
