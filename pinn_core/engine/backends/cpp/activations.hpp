// Activations with three derivatives, the counterpart of pinn_core/engine/activations.py.
//
// ``keep`` turns z into what is stored of it (``kept`` numbers, the last in the place of z);
// ``jet`` makes value and derivatives from that by arithmetic alone.
#pragma once

#include <stdexcept>

#include "functions.hpp"

namespace pinn {

template <class T>
struct Jet {
    Vector<T> value, first, second, third;
};

template <class T>
struct Tanh {
    static constexpr int kept = 1;
    static void keep(Vector<T> z, Vector<T>* own) { own[0] = tanh<T>(z); }
    static Jet<T> jet(const Vector<T>* own) {
        const Vector<T> h = own[0], first = T(1) - h * h;
        return {h, first, T(-2) * h * first, first * (T(4) - T(6) * first)};
    }
};

template <class T>
struct Sin {
    static constexpr int kept = 2;
    static void keep(Vector<T> z, Vector<T>* own) { sine_cosine<T>(z, own[0], own[1]); }
    static Jet<T> jet(const Vector<T>* own) { return {own[0], own[1], -own[0], -own[1]}; }
};

template <class T>
struct Gelu {
    static constexpr int kept = 3;
    static void keep(Vector<T> z, Vector<T>* own) {
        own[0] = normal<T>(z, own[1]);
        own[2] = z;
    }
    static Jet<T> jet(const Vector<T>* own) {
        const Vector<T> cumulative = own[0], density = own[1], z = own[2], square = z * z;
        return {z * cumulative, cumulative + z * density, density * (T(2) - square),
                density * z * (square - T(4))};
    }
};

template <class T>
struct Silu {
    static constexpr int kept = 2;
    static void keep(Vector<T> z, Vector<T>* own) {
        own[0] = logistic_tail<T>(z);
        own[1] = z;
    }
    static Jet<T> jet(const Vector<T>* own) {
        const Vector<T> tail = own[0], z = own[1];
        const Vector<T> s = z > T(0) ? T(1) - tail : tail, d1 = tail * (T(1) - tail);
        const Vector<T> slope = with_sign_of<T>(T(1) - T(2) * tail, -z), d2 = d1 * slope;
        return {z * s, s + z * d1, T(2) * d1 + z * d2,
                T(3) * d2 + z * d1 * (slope * slope - T(2) * d1)};
    }
};

template <class T>
struct Softplus {
    static constexpr int kept = 2;
    static void keep(Vector<T> z, Vector<T>* own) { own[1] = softplus<T>(z, own[0]); }
    static Jet<T> jet(const Vector<T>* own) {
        const Vector<T> s = own[0], second = s * (T(1) - s);
        return {own[1], s, second, second * (T(1) - T(2) * s)};
    }
};

enum ActivationCode { code_tanh, code_sin, code_gelu, code_silu, code_softplus };

// Calls the function with an activation, by its code; throws where no activation has the code.
template <class T, class Do>
auto with_activation(int activation, const Do& call) {
    switch (activation) {
        case code_tanh: return call(Tanh<T>());
        case code_sin: return call(Sin<T>());
        case code_gelu: return call(Gelu<T>());
        case code_silu: return call(Silu<T>());
        case code_softplus: return call(Softplus<T>());
    }
    throw std::invalid_argument("no activation has this code");
}

}  // namespace pinn
