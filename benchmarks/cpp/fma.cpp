// Nothing but multiply-adds in the widest vectors that the CPU has, in chains that do not wait for
// each other: the most arithmetic that one core does in a second.
#include "lanes.hpp"

#define PINN_PUBLIC __attribute__((visibility("default")))

using pinn::lanes;
using pinn::Vector;

// Two units with a latency of four take eight chains; 256-bit registers are only sixteen.
constexpr int chains = PINN_VECTOR_BYTES == 32 ? 12 : 16;

extern "C" {

PINN_PUBLIC int64_t pinn_fma_operations() { return 2 * chains * lanes<float>; }

PINN_PUBLIC float pinn_fma(int64_t rounds, float factor, float term) {
    Vector<float> x[chains];
    const Vector<float> a = pinn::broadcast(factor), b = pinn::broadcast(term);
    for (int i = 0; i < chains; ++i) x[i] = pinn::broadcast(float(i));
    for (int64_t round = 0; round < rounds; ++round)
        pinn::unrolled<chains>([&](int i) { x[i] = x[i] * a + b; });
    for (int i = 1; i < chains; ++i) x[0] += x[i];
    return pinn::sum_of_lanes<float>(x[0]);
}

}
