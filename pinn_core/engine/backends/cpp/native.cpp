// The C interface that native.py calls through ctypes. Returns 0, or 1 when memory ran out.
//
// Tasks are (member, block of chunks). Chunks and blocks follow from the job without its members
// and threads, and sums over them are taken in order: so a member's bits depend on nothing else.
#include <new>
#include <stdexcept>

#include "gates.hpp"
#include "pool.hpp"
#include "propagation.hpp"
#include "rows.hpp"
#include "squares.hpp"

namespace pinn {

thread_local Workspace scratch, packed_rooms, partial_sums;

template <class T>
class Call {
  public:
    Call(const Plan<T>& plan, const T* parameters, const T* points, T* kept)
        : plan_(plan), parameters_(parameters), points_(points), kept_(kept) {}

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
        const int64_t members = plan_.members, blocks = plan_.blocks, size = plan_.size;
        T* partial = blocks > 1 ? partial_sums.room<T>(members * blocks * size) : nullptr;
        each_block([&](int64_t member, int64_t block, Propagation<T>& propagation, T* spare) {
            T* sum = blocks > 1 ? partial + (member * blocks + block) * size
                                : gradient + member * plan_.parameters;
            std::fill_n(sum, size, T(0));
            each_chunk(member, block, spare, [&](const Chunk<T>& chunk, int64_t start) {
                const T* own = adjoint + member * output_size() + start * plan_.outputs;
                propagation.reverse(chunk, own, sum);
            });
        });
        if (blocks > 1) add_blocks(partial, gradient);
        for (int64_t member = 0; member < members; ++member)
            std::fill(gradient + member * plan_.parameters + size,
                      gradient + (member + 1) * plan_.parameters, T(0));
    }

  private:
    const T* row(int64_t member) const { return parameters_ + member * plan_.parameters; }

    int64_t output_size() const { return (1 + plan_.operators) * plan_.points * plan_.outputs; }

    Packed<T> packed(int64_t member) const { return {plan_, packed_ + member * plan_.packed_size}; }

    void pack(bool forward) {
        packed_ = packed_rooms.room<T>(plan_.packed_size * plan_.members);
        each(plan_.members, plan_.threads,
             [&](int64_t member) { packed(member).pack(row(member), forward); });
    }

    template <class Do>
    void each_block(const Do& task) const {
        each(plan_.members * plan_.blocks, plan_.threads, [&](int64_t i) {
            const int64_t member = i / plan_.blocks, room = Propagation<T>::room(plan_);
            const int64_t spare = plan_.keep ? 0 : plan_.chunk * plan_.kept_per_point;
            T* own = scratch.room<T>(room + spare);
            Propagation<T> propagation(plan_, packed(member), own);
            task(member, i % plan_.blocks, propagation, own + room);
        });
    }

    template <class Do>
    void each_chunk(int64_t member, int64_t block, T* spare, const Do& task) const {
        const T* x = points_ + (plan_.shared_points ? 0 : member * plan_.points * plan_.inputs);
        const int64_t per_point = plan_.keep ? plan_.kept_per_point : 0;
        T* kept = plan_.keep ? kept_ + member * plan_.points * per_point : spare;
        for (int64_t c = plan_.first_chunk(block); c < plan_.first_chunk(block + 1); ++c) {
            const int64_t start = c * plan_.chunk;
            task(Chunk<T>{plan_.points_in(c), x + start * plan_.inputs, kept + start * per_point,
                          plan_.points * plan_.outputs},
                 start);
        }
    }

    void add_blocks(const T* partial, T* gradient) const {
        constexpr int64_t parts = 8;
        const int64_t size = plan_.size;
        each(plan_.members * parts, plan_.threads, [&](int64_t i) {
            const int64_t member = i / parts, part = i % parts;
            const int64_t from = size * part / parts, to = size * (part + 1) / parts;
            const T* own = partial + member * plan_.blocks * size;
            T* sum = gradient + member * plan_.parameters;
            std::copy(own + from, own + to, sum + from);
            for (int64_t block = 1; block < plan_.blocks; ++block)
                for (int64_t k = from; k < to; ++k) sum[k] += own[block * size + k];
        });
    }

    const Plan<T>& plan_;
    const T *parameters_, *points_;
    T *kept_, *packed_ = nullptr;
};

// How the tables of a call that torch makes lie; native_jets.py has the same structure.
struct Shape {
    int32_t activation, slopes, operators, with_slopes;
    int64_t members, size;
    const double* diffusion;  // operators x slopes x slopes
};

// Calls work(tables) with the coefficients in this precision.
template <class T, class Do>
void with_tables(const Shape& shape, const Do& work) {
    const std::vector<T> table(shape.diffusion,
                               shape.diffusion + shape.operators * shape.slopes * shape.slopes);
    work(Tables<T>{{shape.slopes, shape.operators, false, table.data()}, shape.members, shape.size});
}

template <class T>
void activate_tables(const Shape& shape, const T* z, T* after) {
    with_tables<T>(shape, [&](const Tables<T>& tables) {
        with_activation<T>(shape.activation, [&](auto own) {
            activated<T, decltype(own)>(tables, shape.with_slopes, z, after);
        });
    });
}

template <class T>
void activate_tables_reverse(const Shape& shape, const T* z, const T* back, int64_t rows,
                             T* adjoint) {
    with_tables<T>(shape, [&](const Tables<T>& tables) {
        with_activation<T>(shape.activation, [&](auto own) {
            activated_reverse<T, decltype(own)>(tables, shape.with_slopes, z, back, rows, adjoint);
        });
    });
}

// What the functions of the C interface answer; library.py has the same.
enum Answer { answer_done, answer_no_memory, answer_unknown };

template <class Do>
int guarded(const Do& work) {
    try {
        work();
        return answer_done;
    } catch (const std::invalid_argument&) {
        return answer_unknown;
    } catch (...) {
        return answer_no_memory;
    }
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

// A null plan: memory ran out, or no activation has the code. The others answer by ``Answer``, or
// nothing where memory for a few coefficients is all that they need.
#define PINN_FUNCTIONS(T)                                                                         \
    PINN_PUBLIC pinn::Plan<T>* pinn_plan_##T(const pinn::Job* job, int keep) {                    \
        pinn::Plan<T>* plan = nullptr;                                                            \
        pinn::guarded([&] { plan = new pinn::Plan<T>(*job, keep != 0); });                        \
        return plan;                                                                              \
    }                                                                                             \
    PINN_PUBLIC void pinn_free_##T(pinn::Plan<T>* plan) { delete plan; }                          \
    PINN_PUBLIC int64_t pinn_kept_##T(const pinn::Plan<T>* plan) { return plan->kept_size(); }    \
    PINN_PUBLIC int pinn_forward_##T(const pinn::Plan<T>* plan, const T* parameters,              \
                                     const T* points, T* output, T* kept) {                       \
        return pinn::guarded(                                                                     \
            [&] { pinn::Call<T>(*plan, parameters, points, kept).forward(output); });             \
    }                                                                                             \
    PINN_PUBLIC int pinn_reverse_##T(const pinn::Plan<T>* plan, const T* parameters,              \
                                     const T* points, T* kept, const T* adjoint, T* gradient) {   \
        return pinn::guarded(                                                                     \
            [&] { pinn::Call<T>(*plan, parameters, points, kept).reverse(adjoint, gradient); });  \
    }                                                                                             \
    PINN_PUBLIC int pinn_activate_##T(const pinn::Shape* shape, const T* z, T* after) {            \
        return pinn::guarded([&] { pinn::activate_tables<T>(*shape, z, after); });                \
    }                                                                                             \
    PINN_PUBLIC int pinn_activate_reverse_##T(const pinn::Shape* shape, const T* z,               \
                                              const T* back, int64_t rows, T* adjoint) {          \
        return pinn::guarded(                                                                     \
            [&] { pinn::activate_tables_reverse<T>(*shape, z, back, rows, adjoint); });           \
    }                                                                                             \
    PINN_PUBLIC void pinn_gate_##T(const pinn::Shape* shape, const T* inside, const T* swing,     \
                                   const T* base, T* after) {                                     \
        pinn::with_tables<T>(*shape, [&](const pinn::Tables<T>& tables) {                         \
            pinn::gate<T>(tables, inside, swing, base, after);                                    \
        });                                                                                       \
    }                                                                                             \
    PINN_PUBLIC void pinn_gate_reverse_##T(const pinn::Shape* shape, const T* back,               \
                                           const T* other, T* adjoint) {                          \
        pinn::with_tables<T>(*shape, [&](const pinn::Tables<T>& tables) {                         \
            pinn::gate_reverse<T>(tables, back, other, adjoint);                                  \
        });                                                                                       \
    }                                                                                             \
    PINN_PUBLIC void pinn_adam_##T(const T* gradient, T* first, T* second, const T* rate,         \
                                   T* update, int64_t members, int64_t size, double beta1,        \
                                   double beta2, double epsilon, double first_correction,         \
                                   double root_correction) {                                      \
        pinn::adam<T>(gradient, first, second, rate, update, members, size, beta1, beta2,         \
                      epsilon, first_correction, root_correction);                                \
    }                                                                                             \
    PINN_PUBLIC void pinn_dots_##T(const T* const* rows, int64_t pairs, int64_t members,          \
                                   int64_t size, double* sums) {                                  \
        pinn::dots<T>(rows, rows + pairs, pairs, members, size, sums);                            \
    }                                                                                             \
    PINN_PUBLIC void pinn_misfit_##T(const T* values, const T* demanded, int64_t members,         \
                                     int64_t size, int64_t shared, int64_t points, T* slope,      \
                                     double* loss) {                                              \
        pinn::misfit<T>(values, demanded, members, size, shared, points, slope, loss);            \
    }                                                                                             \
    PINN_PUBLIC void pinn_squares_##T(const T* values, const T* targets, const T* weights,        \
                                      int64_t members, int64_t size, int64_t tables,              \
                                      double* sums) {                                             \
        pinn::squares<T>(values, targets, weights, members, size, tables, sums);                  \
    }

PINN_FUNCTIONS(float)
PINN_FUNCTIONS(double)
}
