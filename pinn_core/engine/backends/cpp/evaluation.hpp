// One loss term of a whole pack: losses, gradients and the networks' values in one call, of which
// every chunk of points goes there and back while what it keeps is in the cache.
#pragma once

#include "terms.hpp"

namespace pinn {

// native_terms.py has the same structure.
template <class T>
struct EvaluationJob {
    int64_t members, parameters, threads;
    const LossTerm<T>* term;  // without rows
    const T* theta;           // (m, P)
    double* loss;             // (m)
    T *gradient, *values;     // (m, P), (m, points, outputs)
};

template <class T>
class Evaluation {
  public:
    explicit Evaluation(const EvaluationJob<T>& job)
        : job_(job),
          by_member_(by_member(job.members, static_cast<int>(job.threads),
                               job.term->plan->blocks == 1)),
          term_(*job.term, job.parameters, by_member_, layout_) {}

    void run() {
        const int64_t members = job_.members, blocks = term_.blocks(), size = layout_.size();
        const int threads = static_cast<int>(job_.threads);
        if (by_member_) {
            each(members, threads, [&](int64_t i) {
                T* room = member_room.room<T>(size);
                prepare(i, room);
                for (int64_t b = 0; b < blocks; ++b) term_.block(i, theta(i), b, room);
                finish(i, room);
            });
            return;
        }
        T* rooms = member_room.room<T>(size * members);
        each(members, threads, [&](int64_t i) { prepare(i, rooms + i * size); });
        each(members * blocks, threads, [&](int64_t task) {
            const int64_t i = task / blocks;
            term_.block(i, theta(i), task % blocks, rooms + i * size);
        });
        each(members, threads, [&](int64_t i) { finish(i, rooms + i * size); });
    }

  private:
    const T* theta(int64_t i) const { return job_.theta + i * job_.parameters; }

    void prepare(int64_t i, T* room) const {
        term_.begin(room);
        term_.prepare(i, theta(i), nullptr, room);
    }

    void finish(int64_t i, T* room) const {
        const int64_t values = term_.size_of_values();
        term_.complete(room);
        job_.loss[i] = term_.loss(i, room);
        std::copy_n(term_.gradient(room), job_.parameters, job_.gradient + i * job_.parameters);
        std::copy_n(term_.values(room), values, job_.values + i * values);
    }

    static inline thread_local Workspace member_room;

    const EvaluationJob<T>& job_;
    const bool by_member_;
    Layout<T> layout_;
    const TermWork<T> term_;
};

}  // namespace pinn
