// Tasks on several threads. Any thread may run any task; each task writes to a place of its own.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace pinn {

// Memory of one thread that grows and stays, aligned to cache lines.
class Workspace {
  public:
    template <class T>
    T* room(int64_t count) {
        constexpr size_t line = 64;
        const size_t wanted = (static_cast<size_t>(count) * sizeof(T) + 2 * line) / line;
        if (lines_.size() < wanted) lines_ = std::vector<Line>(wanted);
        return reinterpret_cast<T*>(lines_.data());
    }

  private:
    struct alignas(64) Line {
        char bytes[64];
    };
    std::vector<Line> lines_;
};

// Threads that wait for work; made anew after a fork, whose child has none of them.
class Pool {
  public:
    // No lock: a fork while another thread held it would leave it locked in the child.
    static Pool& instance() {
        static std::atomic<Pool*> current{nullptr};
        Pool* pool = current.load();
        while (!pool || pool->owner_ != getpid()) {
            Pool* made = new Pool;  // never deleted: its threads may outlive static destruction
            if (current.compare_exchange_strong(pool, made)) return *made;
            delete made;
        }
        return *pool;
    }

    // Runs task(0) ... task(tasks - 1) on this thread and threads - 1 others, or as many as the
    // system grants.
    void run(int64_t tasks, int threads, const std::function<void(int64_t)>& task) {
        const std::lock_guard<std::mutex> one_at_a_time(running_);
        {
            const std::lock_guard<std::mutex> guard(state_);
            hire(threads - 1);
            task_ = &task;
            tasks_ = tasks;
            next_ = 0;
            failure_ = nullptr;
            wanted_ = busy_ = std::min(threads - 1, helpers_);
            ++round_;
        }
        wake_.notify_all();
        work();
        std::unique_lock<std::mutex> lock(state_);
        done_.wait(lock, [this] { return busy_ == 0; });
        if (failure_) std::rethrow_exception(failure_);
    }

  private:
    void hire(int wanted) {
        try {
            for (; helpers_ < wanted; ++helpers_)
                std::thread([this, number = helpers_, seen = round_] {
                    serve(number, seen);
                }).detach();
        } catch (const std::system_error&) {
        }
    }

    void serve(int number, int64_t seen) {
        for (;;) {
            {
                std::unique_lock<std::mutex> lock(state_);
                wake_.wait(lock, [&] { return round_ != seen; });
                seen = round_;
                if (number >= wanted_) continue;
            }
            work();
            const std::lock_guard<std::mutex> guard(state_);
            if (--busy_ == 0) done_.notify_one();
        }
    }

    void work() {
        try {
            for (int64_t i; (i = next_.fetch_add(1)) < tasks_;) (*task_)(i);
        } catch (...) {
            const std::lock_guard<std::mutex> guard(state_);
            failure_ = std::current_exception();
            next_ = tasks_;
        }
    }

    const pid_t owner_ = getpid();
    std::mutex running_, state_;
    std::condition_variable wake_, done_;
    const std::function<void(int64_t)>* task_ = nullptr;
    std::atomic<int64_t> next_{0};
    std::exception_ptr failure_;
    int64_t tasks_ = 0, round_ = 0;
    int helpers_ = 0, wanted_ = 0, busy_ = 0;
};

inline void each(int64_t tasks, int threads, const std::function<void(int64_t)>& task) {
    if (threads <= 1 || tasks <= 1) {
        for (int64_t i = 0; i < tasks; ++i) task(i);
    } else {
        Pool::instance().run(tasks, threads, task);
    }
}

}  // namespace pinn
