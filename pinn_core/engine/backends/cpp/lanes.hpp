// Vectors of the width this CPU has, in the vector extension that GCC and Clang share.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

namespace pinn {

#if defined(__AVX512F__)
#define PINN_VECTOR_BYTES 64
constexpr int vectors_per_panel = 2;
#elif defined(__AVX__)
#define PINN_VECTOR_BYTES 32
constexpr int vectors_per_panel = 2;
#else
#define PINN_VECTOR_BYTES 16
// NEON has 32 registers, SSE and the unknown 16 or fewer.
#if defined(__ARM_NEON)
constexpr int vectors_per_panel = 4;
#else
constexpr int vectors_per_panel = 2;
#endif
#endif

template <class T>
struct Lanes;

template <>
struct Lanes<float> {
    typedef float V __attribute__((vector_size(PINN_VECTOR_BYTES)));
    typedef int32_t W;
    typedef W I __attribute__((vector_size(PINN_VECTOR_BYTES)));
};

template <>
struct Lanes<double> {
    typedef double V __attribute__((vector_size(PINN_VECTOR_BYTES)));
    typedef int64_t W;
    typedef W I __attribute__((vector_size(PINN_VECTOR_BYTES)));
};

template <class T>
using Vector = typename Lanes<T>::V;
template <class T>
using Mask = typename Lanes<T>::I;

template <class T>
using Word = typename Lanes<T>::W;

template <class T>
constexpr int lanes = PINN_VECTOR_BYTES / static_cast<int>(sizeof(T));

// Matrices lie in panels of this many columns: [panel][row][column].
template <class T>
constexpr int panel_width = lanes<T>* vectors_per_panel;

// Vectors of a panel that have any of the ``columns`` which are left from its first on.
template <class T>
inline int useful_vectors(int64_t columns) {
    return static_cast<int>(std::min<int64_t>(vectors_per_panel, (columns + lanes<T> - 1) / lanes<T>));
}

// Calls work(V) with the number of vectors as a constant.
template <int V = vectors_per_panel, class Do>
inline void with_vectors(int vectors, const Do& work) {
    if constexpr (V > 1)
        if (vectors < V) return with_vectors<V - 1>(vectors, work);
    work(std::integral_constant<int, V>());
}

// Calls at(row, lane) for every vector of a panel's rows that is among the first ``vectors``.
template <class T, class Do>
inline void each_vector(int64_t rows, int vectors, const Do& at) {
    with_vectors(vectors, [&](auto count) {
        for (int64_t row = 0; row < rows; ++row)
            for (int lane = 0; lane < count * lanes<T>; lane += lanes<T>) at(row, lane);
    });
}

// x - 0 is x for every x, so no instruction is left of the subtraction.
template <class T>
inline Vector<T> broadcast(T x) {
    return x - Vector<T>{};
}

template <class T>
inline Vector<T> load(const T* at) {
    return *reinterpret_cast<const Vector<T>*>(at);
}

template <class T>
inline void store(T* at, Vector<T> x) {
    *reinterpret_cast<Vector<T>*>(at) = x;
}

template <class T, int Count>
struct Part {
    typedef T V __attribute__((vector_size(Count * sizeof(T))));
};

// The sum of a vector's elements, in halves: few additions wait for another.
template <class T, int Count = lanes<T>>
inline T sum_of_lanes(typename Part<T, Count>::V x) {
    typename Part<T, Count / 2>::V low, high;
    std::memcpy(&low, &x, sizeof low);
    std::memcpy(&high, reinterpret_cast<const char*>(&x) + sizeof low, sizeof high);
    if constexpr (Count == 2)
        return low[0] + high[0];
    else
        return sum_of_lanes<T, Count / 2>(low + high);
}

// body(0), body(1) ... body(N - 1) with indices known to the compiler: what they touch can live in
// registers.
template <class Body, int... I>
inline void unrolled(const Body& body, std::integer_sequence<int, I...>) {
    (body(I), ...);
}

template <int N, class Body>
inline void unrolled(const Body& body) {
    unrolled(body, std::make_integer_sequence<int, N>());
}

template <class To, class From>
inline To same_bits(From x) {
    static_assert(sizeof(To) == sizeof(From), "as many bits as before");
    To y;
    std::memcpy(&y, &x, sizeof y);
    return y;
}

template <class M>
inline bool any(M mask) {
    constexpr int words = sizeof(M) / sizeof(uint64_t);
    uint64_t word[words], all = 0;
    std::memcpy(word, &mask, sizeof mask);
    for (int i = 0; i < words; ++i) all |= word[i];
    return all != 0;
}

}  // namespace pinn
