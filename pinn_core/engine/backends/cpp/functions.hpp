// exp, tanh, logistic, softplus, sine and cosine, normal distribution: full accuracy, no branches.
//
// Selections are written so that NaN fails every comparison and passes through.
#pragma once

#include <cmath>
#include <limits>

#include "lanes.hpp"

namespace pinn {

// Constants of each precision.
//
// ln 2 and pi / 2 in parts whose multiples by the reduced integer are exact (Cody and Waite 1980;
// digits as in Moshier's Cephes expf.c, exp.c, sinf.c, sin.c). exp and log1p are summed to the last
// useful Taylor term. sine, cosine: minimax polynomials of Cephes sinf.c and sin.c.
// mills: (a + 4) Phi(-a) exp(a^2 / 2) as a polynomial in (a - 4) / (a + 4), after Shepherd and
// Laframboise (Math. Comp. 36, 1981); Chebyshev interpolation computed with 60 digits.
template <class T>
struct Real;

template <>
struct Real<float> {
    static constexpr int mantissa = 23, bias = 127;
    static constexpr float round = 12582912.0f;  // 1.5 * 2^23: adding it leaves an integer
    static constexpr float exp_low = -87.33654f, exp_high = 88.02969f;
    static constexpr float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
    static constexpr float pi_2[3] = {1.5703125f, 4.837512969970703125e-4f, 7.549789948768648e-8f};
    static constexpr float turns = 8192.0f;  // beyond, the reduced sine is left to the library
    static constexpr float tanh_is_one = 10.0f;
    static constexpr int exp_terms = 7, log_terms = 7;
    static constexpr float sine[] = {-1.6666654611e-1f, 8.3321608736e-3f, -1.9515295891e-4f};
    static constexpr float cosine[] = {4.166664568298827e-2f, -1.388731625493765e-3f,
                                       2.443315711809948e-5f};
    static constexpr float mills[] = {0.7552851304f,    -0.6078963966f,   0.3871373991f,
                                      -0.186526806f,    0.06039660483f,   -0.007511891968f,
                                      -0.003479830876f, 0.001563337084f,  0.0001335102423f,
                                      -0.0001571215548f, -1.673315371e-6f};
    static constexpr int32_t upper_half = -(1 << 12);  // half of the digits, squared exactly
};

template <>
struct Real<double> {
    static constexpr int mantissa = 52, bias = 1023;
    static constexpr double round = 6755399441055744.0;  // 1.5 * 2^52
    static constexpr double exp_low = -708.396418532264, exp_high = 709.08956571282405;
    static constexpr double ln2_high = 6.93145751953125e-1, ln2_low = 1.42860682030941723212e-6;
    static constexpr double pi_2[3] = {2 * 7.85398125648498535156e-1, 2 * 3.77489470793079817668e-8,
                                       2 * 2.69515142907905952645e-15};
    static constexpr double turns = 1e8;
    static constexpr double tanh_is_one = 20.0;
    static constexpr int exp_terms = 13, log_terms = 17;
    static constexpr double sine[] = {
        -1.66666666666666307295e-1, 8.33333333332211858878e-3,  -1.98412698295895385996e-4,
        2.75573136213857245213e-6,  -2.50507477628578072866e-8, 1.58962301576546568060e-10};
    static constexpr double cosine[] = {
        4.16666666666665929218e-2,  -1.38888888888730564116e-3, 2.48015872888517045348e-5,
        -2.75573141792967388112e-7, 2.08757008419747316778e-9,  -1.13585365213876817300e-11};
    static constexpr double mills[] = {
        0.7552851304157514934,     -0.6078966419718923145,    0.3871374007422145367,
        -0.1865218579596353238,    0.06039657489093607109,    -0.007540188967419565228,
        -0.003479692367388415746,  0.001630818467806444525,   0.0001333443127003078375,
        -0.0002310950199920064752, -1.908265085342678716e-6,  3.514512256012581263e-5,
        7.167263978705015709e-7,   -5.921638801978816328e-6,  -6.299974265164221789e-7,
        1.024832506094632305e-6,   2.727176083262385145e-7,   -1.598267661043867731e-7,
        -8.71329462146749041e-8,   1.788187240950341629e-8,   2.160442684272040487e-8,
        -6.021003727951476489e-10, -3.798041859957449309e-9,  -1.174210753924706567e-10,
        3.515692426680930068e-10};
    static constexpr int64_t upper_half = -(1 << 27);
};

template <class T, int N>
inline Vector<T> polynomial(Vector<T> x, const T (&coefficients)[N]) {
    Vector<T> sum = broadcast(coefficients[N - 1]);
    for (int i = N - 2; i >= 0; --i) sum = sum * x + coefficients[i];
    return sum;
}

template <class T>
inline Vector<T> absolute(Vector<T> x) {
    return same_bits<Vector<T>>(same_bits<Mask<T>>(x) & std::numeric_limits<Word<T>>::max());
}

template <class T>
inline Vector<T> with_sign_of(Vector<T> size, Vector<T> x) {
    constexpr Word<T> sign = std::numeric_limits<Word<T>>::min();
    return same_bits<Vector<T>>(same_bits<Mask<T>>(size) | (same_bits<Mask<T>>(x) & sign));
}

// 2^n for integers within the exponent's range.
template <class T>
inline Vector<T> power_of_two(Mask<T> n) {
    return same_bits<Vector<T>>((n + Real<T>::bias) << Real<T>::mantissa);
}

// The nearest integer to x, as a number and as bits.
template <class T>
inline Vector<T> nearest(Vector<T> x, Mask<T>& bits) {
    const Vector<T> shifted = x + Real<T>::round;
    bits = same_bits<Mask<T>>(shifted) - same_bits<Mask<T>>(broadcast(Real<T>::round));
    return shifted - Real<T>::round;
}

template <class T>
constexpr T factorial(int n) {
    return n < 2 ? T(1) : T(n) * factorial<T>(n - 1);
}

// A number that is small against 1 and added to the argument of exp, or none.
struct NoTail {};

template <class V>
inline V operator+(V x, NoTail) {
    return x;
}

// exp(x + tail) = 2^n (1 + p): returns p and sets n.
template <class T, class Tail>
inline Vector<T> exp_fraction(Vector<T> x, Tail tail, Mask<T>& n) {
    constexpr T log2_e = T(1.44269504088896340736);
    const Vector<T> k = nearest<T>(x * log2_e, n);
    const Vector<T> r = (x - k * Real<T>::ln2_high) - k * Real<T>::ln2_low + tail;
    Vector<T> sum = broadcast(T(1) / factorial<T>(Real<T>::exp_terms));
    for (int i = Real<T>::exp_terms - 1; i >= 2; --i) sum = sum * r + T(1) / factorial<T>(i);
    return r + r * (r * sum);
}

template <class T, class Tail = NoTail>
inline Vector<T> exp(Vector<T> x, Tail tail = {}) {
    Mask<T> n;
    const Vector<T> p = exp_fraction<T>(x, tail, n);
    const Vector<T> scale = power_of_two<T>(n);
    const Vector<T> y = scale + scale * p;
    const Vector<T> infinity = broadcast(std::numeric_limits<T>::infinity());
    const Vector<T> above = x > Real<T>::exp_high ? infinity : y;
    return x < Real<T>::exp_low ? Vector<T>{} : above;
}

// With m = exp(2|x|) - 1, tanh|x| = m / (m + 2).
template <class T>
inline Vector<T> tanh(Vector<T> x) {
    const Vector<T> a = absolute<T>(x);
    const Vector<T> y = a > Real<T>::tanh_is_one ? broadcast(2 * Real<T>::tanh_is_one) : a + a;
    Mask<T> n;
    const Vector<T> p = exp_fraction<T>(y, NoTail{}, n);
    const Vector<T> scale = power_of_two<T>(n);
    const Vector<T> m = scale * p + (scale - T(1));
    return with_sign_of<T>(m / (m + T(2)), x);
}

// The smaller of logistic(x) and 1 - logistic(x), with all its digits.
template <class T>
inline Vector<T> logistic_tail(Vector<T> x) {
    const Vector<T> e = exp<T>(-absolute<T>(x));
    return e / (T(1) + e);
}

// log(1 + exp x) = max(x, 0) + log(1 + e), e = exp(-|x|); log(1 + e) = 2 artanh(e / (2 + e)).
template <class T>
inline Vector<T> softplus(Vector<T> x, Vector<T>& slope) {
    const Vector<T> e = exp<T>(-absolute<T>(x));
    const Vector<T> inverse = T(1) / (T(1) + e);
    slope = x < T(0) ? e * inverse : inverse;
    const Vector<T> u = e / (T(2) + e), square = u * u;
    Vector<T> sum = broadcast(T(1) / T(2 * Real<T>::log_terms + 1));
    for (int i = 2 * Real<T>::log_terms - 1; i >= 3; i -= 2) sum = sum * square + T(1) / T(i);
    const Vector<T> logarithm = T(2) * (u + u * (square * sum));
    return (x < T(0) ? Vector<T>{} : x) + logarithm;
}

template <class T>
inline void sine_cosine(Vector<T> x, Vector<T>& sine, Vector<T>& cosine) {
    Mask<T> quarter;
    const Vector<T> k = nearest<T>(x * T(0.63661977236758134308), quarter);
    const T(&part)[3] = Real<T>::pi_2;
    const Vector<T> r = ((x - k * part[0]) - k * part[1]) - k * part[2];
    const Vector<T> square = r * r;
    const Vector<T> s = r + r * (square * polynomial(square, Real<T>::sine));
    const Vector<T> c =
        T(1) - square * T(0.5) + square * (square * polynomial(square, Real<T>::cosine));
    const Mask<T> swap = (quarter & 1) != 0;
    sine = swap ? c : s;
    cosine = swap ? s : c;
    sine = (quarter & 2) != 0 ? -sine : sine;
    cosine = ((quarter + 1) & 2) != 0 ? -cosine : cosine;
    if (__builtin_expect(any(absolute<T>(x) > Real<T>::turns), 0)) {
        for (int i = 0; i < lanes<T>; ++i) {
            if (std::fabs(x[i]) > Real<T>::turns) {
                sine[i] = std::sin(x[i]);
                cosine[i] = std::cos(x[i]);
            }
        }
    }
}

// Phi(x) and its density. exp(-x^2 / 2) splits x so that the rounding of the square is not
// magnified (fdlibm's erfc, Sun 1993).
template <class T>
inline Vector<T> normal(Vector<T> x, Vector<T>& density) {
    const Vector<T> far = absolute<T>(x);
    const Vector<T> a = far > T(40) ? broadcast(T(40)) : far;
    const Vector<T> high = same_bits<Vector<T>>(same_bits<Mask<T>>(a) & Real<T>::upper_half);
    const Vector<T> e = exp<T>(high * high * T(-0.5), (high - a) * (high + a) * T(0.5));
    density = e * T(0.39894228040143267794);
    const Vector<T> inverse = T(1) / (a + T(4));
    const Vector<T> tail = e * inverse * polynomial((a - T(4)) * inverse, Real<T>::mills);
    return x > T(0) ? T(1) - tail : tail;
}

}  // namespace pinn
