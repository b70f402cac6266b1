// The C interface that native.py calls through ctypes. Returns 0, or 1 when memory ran out.
//
// Tasks are (member, block of chunks). Chunks and blocks follow from the job without its members
// and threads, and sums over them are taken in order: so a member's bits depend on nothing else.
#include <new>

#include "pool.hpp"
#include "propagation.hpp"
#include "rows.hpp"

namespace pinn {

thread_local Workspace scratch, packed_rooms, partial_sums;

template <class T>
class Call {
  public:
    Call(const Job& job, bool keep, const T* parameters, const T* points, T* kept)
        : plan_(job, keep), keep_(keep), parameters_(parameters), points_(points), kept_(kept) {}

    void forward(T* output) {
        pack(true);
        each_block([&](int64_t member, int64_t block, Propagation<T>& propagation, T* spare) {
            each_chunk(member, block, spare, [&](const Chunk<T>& chunk, int64_t start) {
                T* own = output + member * output_size() + start * plan_.outputs;
                propagation.forward(chunk, row(member), own);
            });
        });
    }

    void reverse(const T* adjoint, T* gradient) {
        pack(false);
        const int64_t members = plan_.job.members, blocks = plan_.blocks, size = plan_.size;
        T* partial = blocks > 1 ? partial_sums.room<T>(members * blocks * size) : nullptr;
        each_block([&](int64_t member, int64_t block, Propagation<T>& propagation, T* spare) {
            T* sum = blocks > 1 ? partial + (member * blocks + block) * size
                                : gradient + member * plan_.job.parameters;
            std::fill_n(sum, size, T(0));
            each_chunk(member, block, spare, [&](const Chunk<T>& chunk, int64_t start) {
                const T* own = adjoint + member * output_size() + start * plan_.outputs;
                propagation.reverse(chunk, own, sum);
            });
        });
        if (blocks > 1) add_blocks(partial, gradient);
    }

    int64_t kept_size() const {
        return plan_.job.members * plan_.job.points * plan_.kept_per_point;
    }

  private:
    const T* row(int64_t member) const { return parameters_ + member * plan_.job.parameters; }

    int64_t output_size() const {
        return (1 + plan_.job.operators) * plan_.job.points * plan_.outputs;
    }

    void pack(bool forward) {
        const int64_t room = (Packed<T>::room(plan_) + 15) / 16 * 16;
        T* at = packed_rooms.room<T>(room * plan_.job.members);
        for (int64_t member = 0; member < plan_.job.members; ++member)
            packed_.emplace_back(plan_, at + member * room);
        each(plan_.job.members, plan_.job.threads,
             [&](int64_t member) { packed_[member].pack(row(member), forward); });
    }

    template <class Do>
    void each_block(const Do& task) {
        each(plan_.job.members * plan_.blocks, plan_.job.threads, [&](int64_t i) {
            const int64_t member = i / plan_.blocks, room = Propagation<T>::room(plan_);
            const int64_t spare = keep_ ? 0 : plan_.chunk * plan_.kept_per_point;
            T* own = scratch.room<T>(room + spare);
            Propagation<T> propagation(plan_, packed_[member], own);
            task(member, i % plan_.blocks, propagation, own + room);
        });
    }

    template <class Do>
    void each_chunk(int64_t member, int64_t block, T* spare, const Do& task) const {
        const Job& job = plan_.job;
        const T* x = points_ + (job.shared_points ? 0 : member * job.points * plan_.inputs);
        T* kept = kept_ + (keep_ ? member * job.points * plan_.kept_per_point : 0);
        for (int64_t c = plan_.first_chunk(block); c < plan_.first_chunk(block + 1); ++c) {
            const int64_t start = c * plan_.chunk;
            task(Chunk<T>{plan_.points_in(c), x + start * plan_.inputs,
                          keep_ ? kept + start * plan_.kept_per_point : spare,
                          job.points * plan_.outputs},
                 start);
        }
    }

    void add_blocks(const T* partial, T* gradient) const {
        constexpr int64_t parts = 8;
        const int64_t size = plan_.size;
        each(plan_.job.members * parts, plan_.job.threads, [&](int64_t i) {
            const int64_t member = i / parts, part = i % parts;
            const int64_t from = size * part / parts, to = size * (part + 1) / parts;
            const T* own = partial + member * plan_.blocks * size;
            T* sum = gradient + member * plan_.job.parameters;
            std::copy(own + from, own + to, sum + from);
            for (int64_t block = 1; block < plan_.blocks; ++block)
                for (int64_t k = from; k < to; ++k) sum[k] += own[block * size + k];
        });
    }

    const Plan<T> plan_;
    const bool keep_;
    const T *parameters_, *points_;
    T* kept_;
    std::vector<Packed<T>> packed_;
};

template <class Do>
int guarded(const Do& work) {
    try {
        work();
        return 0;
    } catch (...) {
        return 1;
    }
}

template <class T>
int forward(const Job* job, const T* parameters, const T* points, T* output, T* kept) {
    return guarded([&] {
        Call<T>(*job, kept != nullptr, parameters, points, kept).forward(output);
    });
}

template <class T>
int reverse(const Job* job, const T* parameters, const T* points, T* kept, const T* adjoint,
            T* gradient) {
    return guarded([&] {
        Call<T>(*job, true, parameters, points, kept).reverse(adjoint, gradient);
    });
}

}  // namespace pinn

#define PINN_PUBLIC __attribute__((visibility("default")))

#ifndef PINN_SOURCE
#define PINN_SOURCE ""
#endif

extern "C" {

PINN_PUBLIC const char* pinn_source() { return PINN_SOURCE; }

// Whether this CPU has what the library was compiled for; a library built here has.
PINN_PUBLIC int pinn_runs_here() {
#if defined(__x86_64__)
#if defined(__AVX512F__)
    if (!__builtin_cpu_supports("avx512f")) return 0;
#endif
#if defined(__AVX2__)
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return 0;
#endif
#endif
    return 1;
}

PINN_PUBLIC int pinn_forward_float(const pinn::Job* job, const float* parameters, const float* points,
                       float* output, float* kept) {
    return pinn::forward<float>(job, parameters, points, output, kept);
}

PINN_PUBLIC int pinn_forward_double(const pinn::Job* job, const double* parameters, const double* points,
                        double* output, double* kept) {
    return pinn::forward<double>(job, parameters, points, output, kept);
}

PINN_PUBLIC int pinn_reverse_float(const pinn::Job* job, const float* parameters, const float* points,
                       float* kept, const float* adjoint, float* gradient) {
    return pinn::reverse<float>(job, parameters, points, kept, adjoint, gradient);
}

PINN_PUBLIC int pinn_reverse_double(const pinn::Job* job, const double* parameters, const double* points,
                        double* kept, const double* adjoint, double* gradient) {
    return pinn::reverse<double>(job, parameters, points, kept, adjoint, gradient);
}

PINN_PUBLIC int64_t pinn_kept_float(const pinn::Job* job) {
    return pinn::Call<float>(*job, true, nullptr, nullptr, nullptr).kept_size();
}

PINN_PUBLIC int64_t pinn_kept_double(const pinn::Job* job) {
    return pinn::Call<double>(*job, true, nullptr, nullptr, nullptr).kept_size();
}

PINN_PUBLIC void pinn_adam_float(const float* gradient, float* first, float* second, const float* rate,
                   float* update, int64_t members, int64_t size, double beta1, double beta2,
                   double epsilon, double first_correction, double root_correction) {
    pinn::adam<float>(gradient, first, second, rate, update, members, size, beta1, beta2, epsilon,
                    first_correction, root_correction);
}

PINN_PUBLIC void pinn_dots_float(const float* const* rows, int64_t pairs, int64_t members, int64_t size,
                   double* sums) {
    pinn::dots<float>(rows, rows + pairs, pairs, members, size, sums);
}

PINN_PUBLIC void pinn_adam_double(const double* gradient, double* first, double* second, const double* rate,
                   double* update, int64_t members, int64_t size, double beta1, double beta2,
                   double epsilon, double first_correction, double root_correction) {
    pinn::adam<double>(gradient, first, second, rate, update, members, size, beta1, beta2, epsilon,
                    first_correction, root_correction);
}

PINN_PUBLIC void pinn_dots_double(const double* const* rows, int64_t pairs, int64_t members, int64_t size,
                   double* sums) {
    pinn::dots<double>(rows, rows + pairs, pairs, members, size, sums);
}
}
