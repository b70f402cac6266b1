// The C interface that native.py calls through ctypes. Returns 0, or 1 when memory ran out.
#include <new>
#include <stdexcept>

#include "call.hpp"
#include "evaluation.hpp"
#include "gates.hpp"
#include "steps.hpp"

namespace pinn {

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
    PINN_PUBLIC void pinn_adam_##T(const T* gradient, T* first, T* second, const T* rate,          \
                                   const T* parameters, const T* shrink, T* update,                \
                                   int64_t members, int64_t size,                                  \
                                   const pinn::AdamSettings* by) {                                 \
        pinn::adam<T>(gradient, first, second, rate, parameters, shrink, update, members, size,    \
                      *by);                                                                        \
    }                                                                                              \
    PINN_PUBLIC void pinn_weighted_sum_##T(const T* const* rows, const T* factors,                 \
                                           int64_t count, int64_t members, int64_t size,           \
                                           T* result) {                                            \
        pinn::weighted_sums<T>(rows, factors, count, members, size, result);                       \
    }                                                                                              \
    PINN_PUBLIC int pinn_polynomial_values_##T(                                                    \
        const pinn::Polynomials<T>* form, const T* outputs, const T* coefficients,                 \
        int64_t shared, int64_t members, int64_t points, int64_t width, int64_t channels,          \
        T* values) {                                                                               \
        return pinn::guarded([&] {                                                                 \
            pinn::pack_values<T>(*form, outputs, coefficients, shared, members, points, width,     \
                                 channels, values);                                                \
        });                                                                                        \
    }                                                                                              \
    PINN_PUBLIC int pinn_polynomial_adjoint_##T(                                                   \
        const pinn::Polynomials<T>* form, const T* outputs, const T* coefficients,                 \
        int64_t shared, int64_t members, int64_t points, int64_t width, int64_t channels,          \
        const T* slopes, T* adjoint) {                                                             \
        return pinn::guarded([&] {                                                                 \
            pinn::pack_adjoint<T>(*form, outputs, coefficients, shared, members, points, width,    \
                                  channels, slopes, adjoint);                                      \
        });                                                                                        \
    }                                                                                              \
    PINN_PUBLIC int pinn_steps_##T(const pinn::StepsJob<T>* job) {                                 \
        return pinn::guarded([&] { pinn::Steps<T>(*job).run(); });                                 \
    }                                                                                              \
    PINN_PUBLIC int pinn_evaluate_##T(const pinn::EvaluationJob<T>* job) {                         \
        return pinn::guarded([&] { pinn::Evaluation<T>(*job).run(); });                            \
    }                                                                                              \
    PINN_PUBLIC void pinn_dots_##T(const T* const* rows, int64_t pairs, int64_t members,          \
                                   int64_t size, double* sums) {                                  \
        pinn::dots<T>(rows, rows + pairs, pairs, members, size, sums);                            \
    }                                                                                             \
    PINN_PUBLIC void pinn_misfit_##T(const T* values, const T* targets, const T* shares,           \
                                     int64_t members, int64_t size, int64_t shared_target,         \
                                     int64_t shared_share, int64_t points, T* slope,               \
                                     double* loss) {                                               \
        pinn::misfit<T>(values, targets, shares, members, size, shared_target, shared_share,       \
                        points, slope, loss);                                                      \
    }                                                                                              \
    PINN_PUBLIC void pinn_squares_##T(const T* values, const T* targets, const T* weights,        \
                                      int64_t members, int64_t size, int64_t tables,              \
                                      double* sums) {                                             \
        pinn::squares<T>(values, targets, weights, members, size, tables, sums);                  \
    }

PINN_FUNCTIONS(float)
PINN_FUNCTIONS(double)
}
