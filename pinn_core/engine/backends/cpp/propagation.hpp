// The whole layer stack, forward and back, for one member and one chunk of points.
//
// With gates a hidden layer passes on h = inside * swing + base; swing and base are made of the
// encoders U and V, whose layer has the shape of the first one (../../stack.py).
#pragma once

#include "gates.hpp"
#include "packed.hpp"
#include "waves.hpp"

namespace pinn {

// One chunk: its points, where its outputs and what it keeps lie.
template <class T>
struct Chunk {
    int64_t points;
    const T* x;      // points x inputs
    T* kept;         // plan.kept_per_point numbers a point
    int64_t output;  // distance between the channels of the output
};

template <class T>
class Propagation {
  public:
    static int64_t room(const Plan<T>& plan) {
        return ((plan.gates ? 8 : 3) + plan.features) * plan.chunk * plan.channels * plan.widest +
               plan.chunk * plan.outputs;
    }

    Propagation(const Plan<T>& plan, Packed<T> packed, T* room)
        : plan_(plan), packed_(packed), after_(room),
          back_(room + room_of_one()), other_(back_ + room_of_one()),
          by_value_(room + Propagation::room(plan) - plan.chunk * plan.outputs) {
        if (plan.features) features_ = by_value_ - room_of_one();
        if (!plan.gates) return;
        swing_ = other_ + room_of_one();
        base_ = swing_ + room_of_one();
        by_swing_ = base_ + room_of_one();
        by_base_ = by_swing_ + room_of_one();
        gated_ = by_base_ + room_of_one();
    }

    void forward(const Chunk<T>& chunk, const T* parameters, T* output) {
        if (plan_.features) {
            enter(chunk, 0);
            features<false>(chunk);
        }
        if (plan_.gates) {
            for (int e = 1; e < 3; ++e) {
                if (plan_.features) encode(chunk, e);
                else enter(chunk, e);
                plan_.kernel.activate(plan_.diffusion, encoder(chunk, e, nullptr));
                keep_encoder(chunk.points, e);
            }
            set_swing(chunk.points);
        }
        for (int64_t l = plan_.entry; l < plan_.hidden; ++l) {
            if (l == 0) enter(chunk, 0);
            else linear(chunk, l);
            plan_.kernel.activate(plan_.diffusion, layer(chunk, l, nullptr));
            if (!plan_.has_gate(l)) continue;
            gate<T>(tables(chunk.points), after_, swing_, base_, back_);
            std::swap(after_, back_);
        }
        last(chunk, parameters + plan_.bias_at(plan_.hidden), output);
    }

    // Adds to ``gradient`` the derivative of sum(outputs * adjoint) by the parameters.
    void reverse(const Chunk<T>& chunk, const T* adjoint, T* gradient) {
        const int64_t n = chunk.points, rows = plan_.channels * n;
        if (plan_.gates) begin_gates(chunk);
        add_zeroth(chunk, adjoint);
        last_back(chunk, adjoint);
        for (int64_t l = plan_.hidden - 1;; --l) {
            if (plan_.has_gate(l)) gate_back(chunk, l);
            plan_.kernel.reverse(plan_.diffusion, layer(chunk, l, back_));
            if (plan_.has_gate(l)) std::swap(after_, gated_);
            if (l == plan_.hidden - 1)
                last_gradient(chunk, adjoint, gradient);
            else
                outer_product<T>(table(other_, n), table(after_, n), rows, plan_.width(l + 2),
                                 plan_.width(l + 1), gradient + plan_.weights_at[l + 1]);
            if (l == plan_.entry) break;
            add_rows(l, n, gradient + plan_.bias_at(l));
            std::swap(back_, other_);
            product<T>(table(other_, n), packed_.reverse(l), rows, plan_.width(l + 1),
                       plan_.made(l), nullptr, table(back_, n));
        }
        if (plan_.features) features<true>(chunk);
        entrance_gradient(chunk, 0, gradient);
        for (int e = 1; e < plan_.entrances(); ++e) {
            encoder_back(n, e);
            plan_.kernel.reverse(plan_.diffusion, encoder(chunk, e, back_));
            entrance_gradient(chunk, e, gradient);
        }
    }

  private:
    static constexpr int width = panel_width<T>;

    int64_t room_of_one() const { return plan_.chunk * plan_.channels * plan_.widest; }

    struct Both {
        T* at;
        int64_t step;
        operator Table<T>() const { return {at, step}; }
        operator Table<const T>() const { return {at, step}; }
    };
    Both table(T* at, int64_t n) const { return {at, plan_.channels * n * width}; }

    T* kept(const Chunk<T>& chunk, int64_t l) const {
        return chunk.kept + chunk.points * plan_.kept_at[l];
    }

    int64_t kept_step(const Chunk<T>& chunk, int64_t l) const {
        return plan_.kept_blocks(l) * chunk.points * width;
    }

    Activated<T> layer(const Chunk<T>& chunk, int64_t l, T* back) const {
        return l ? of_layer(chunk, l, kept(chunk, l), back) : of_coordinates(chunk, 0, after_, back);
    }

    Activated<T> encoder(const Chunk<T>& chunk, int e, T* back) const {
        return plan_.features ? of_layer(chunk, 1, kept_entrance(chunk, e), back)
                              : of_coordinates(chunk, e, after_, back);
    }

    // One of the shape of layer ``l``, which follows another.
    Activated<T> of_layer(const Chunk<T>& chunk, int64_t l, T* kept, T* back) const {
        const int64_t n = chunk.points, block = n * width, step = kept_step(chunk, l);
        const Rest<T> own{kept + plan_.kept_values(l) * block, step, block, width};
        return {n, panels<T>(plan_.width(l + 1)), kept, step, own, after_, back,
                with_slopes(l), plan_.last_vectors(l + 1)};
    }

    // The first layer, input features or an encoder.
    Activated<T> of_coordinates(const Chunk<T>& chunk, int e, T* after, T* back) const {
        const Rest<T> same{packed_.constant(e), (plan_.channels - 1) * width, width, 0};
        return {chunk.points, panels<T>(plan_.width(1)), kept_entrance(chunk, e),
                kept_step(chunk, 0), same, after, back, with_slopes(0), plan_.last_vectors(1)};
    }

    // Makes ``features_``, for the first time or again from what was kept.
    template <bool Again>
    void features(const Chunk<T>& chunk) const {
        waves<T, Again>(plan_.diffusion, of_coordinates(chunk, 0, features_, nullptr),
                        packed_.cosines(), packed_.lines());
    }

    // The output layer has no use for them, a gate has.
    bool with_slopes(int64_t l) const { return plan_.gates || l < plan_.hidden - 1; }

    T* kept_entrance(const Chunk<T>& chunk, int e) const {
        return chunk.kept + chunk.points * plan_.kept_entrance[e];
    }

    // Loops over few inputs are unrolled for the common cases, whose weights stay in registers.
    void enter(const Chunk<T>& chunk, int e) const {
        switch (plan_.inputs) {
            case 1: return enter<1>(chunk, e);
            case 2: return enter<2>(chunk, e);
            case 3: return enter<3>(chunk, e);
            default: return enter<-1>(chunk, e);
        }
    }

    template <int Inputs>
    void enter(const Chunk<T>& chunk, int e) const {
        const int64_t d = Inputs < 0 ? plan_.inputs : Inputs, step = kept_step(chunk, 0);
        T* z = kept_entrance(chunk, e) + (plan_.kept_values(0) - 1) * chunk.points * width;
        for (int64_t q = 0; q < panels<T>(plan_.width(1)); ++q) {
            for (int64_t v = 0; v < plan_.vectors(1, q); ++v) {
                const int64_t lane = v * lanes<T>;
                const Vector<T> bias = load(packed_.entrance_biases(e) + q * width + lane);
                const T* weights = packed_.first(e) + q * d * width + lane;
                Vector<T> own[Inputs < 0 ? 1 : Inputs];
                for (int i = 0; i < Inputs; ++i) own[i] = load(weights + i * width);
                for (int64_t p = 0; p < chunk.points; ++p) {
                    Vector<T> sum = bias;
                    for (int64_t i = 0; i < d; ++i)
                        sum += chunk.x[p * d + i] *
                               (Inputs < 0 ? load(weights + i * width) : own[i]);
                    store(z + q * step + p * width + lane, sum);
                }
            }
        }
    }

    // A table of channels as a gate sees it: every panel for itself.
    Tables<T> tables(int64_t n) const {
        return {plan_.diffusion, panels<T>(plan_.width(plan_.hidden)), n * width};
    }

    int64_t numbers(int64_t n) const { return plan_.padded(plan_.hidden) * plan_.channels * n; }

    // U goes to ``swing_``, V to ``base_``, for ``set_swing``.
    void keep_encoder(int64_t n, int e) const {
        std::copy_n(after_, numbers(n), e == 1 ? swing_ : base_);
    }

    // The base is the encoder ``base_encoder`` (0: U, 1: V); the swing is the other minus the base.
    void set_swing(int64_t n) {
        if (plan_.base_encoder == 0) std::swap(swing_, base_);
        for (int64_t k = 0; k < numbers(n); ++k) swing_[k] -= base_[k];
    }

    void begin_gates(const Chunk<T>& chunk) {
        for (int e = 1; e < 3; ++e) {
            plan_.kernel.again(plan_.diffusion, encoder(chunk, e, nullptr));
            keep_encoder(chunk.points, e);
        }
        set_swing(chunk.points);
        std::fill_n(by_swing_, numbers(chunk.points), T(0));
        std::fill_n(by_base_, numbers(chunk.points), T(0));
    }

    // From the adjoint after a gate to that before it; leaves in ``gated_`` what the gate passes on.
    void gate_back(const Chunk<T>& chunk, int64_t l) {
        const int64_t n = chunk.points;
        plan_.kernel.again(plan_.diffusion, layer(chunk, l, nullptr));
        if (l == plan_.hidden - 1) no_slopes(n);
        gate_reverse<T>(tables(n), back_, after_, gated_);
        for (int64_t k = 0; k < numbers(n); ++k) by_swing_[k] += gated_[k];
        for (int64_t k = 0; k < numbers(n); ++k) by_base_[k] += back_[k];
        gate_reverse<T>(tables(n), back_, swing_, gated_);
        std::swap(back_, gated_);
        gate<T>(tables(n), after_, swing_, base_, gated_);
    }

    // The output layer has left the slopes' adjoints as they were.
    void no_slopes(int64_t n) const {
        const int64_t block = n * width;
        for (int64_t q = 0; q < panels<T>(plan_.width(plan_.hidden)); ++q)
            std::fill_n(back_ + (q * plan_.channels + 1) * block, plan_.slopes * block, T(0));
    }

    // The adjoint after an encoder, from those of swing and base.
    void encoder_back(int64_t n, int e) const {
        const bool in_base = e - 1 == plan_.base_encoder;
        for (int64_t k = 0; k < numbers(n); ++k)
            back_[k] = in_base ? by_base_[k] - by_swing_[k] : by_swing_[k];
    }

    void linear(const Chunk<T>& chunk, int64_t l) const {
        const bool first = plan_.features && l == 1;
        affine(chunk, l, first ? features_ : after_, packed_.forward(l), packed_.biases(l),
               kept(chunk, l));
    }

    // An encoder of features.
    void encode(const Chunk<T>& chunk, int e) const {
        affine(chunk, 1, features_, packed_.first(e), packed_.entrance_biases(e),
               kept_entrance(chunk, e));
    }

    // A layer of the shape of layer ``l`` before its activation.
    void affine(const Chunk<T>& chunk, int64_t l, T* from, const T* weights, const T* biases,
                T* kept) const {
        const int64_t n = chunk.points, block = n * width, step = kept_step(chunk, l);
        const int64_t terms = plan_.width(l), columns = plan_.made(l + 1);
        const Table<const T> h = table(from, n);
        T* z = kept + (plan_.kept_values(l) - 1) * block;
        product<T>(h, weights, n, terms, columns, biases, {z, step});
        product<T>({h.at + block, h.panel_step}, weights, (plan_.channels - 1) * n, terms, columns,
                   nullptr, {z + block, step});
    }

    // Calls at(output channel, channel) for value and operators, all that the output has.
    template <class Do>
    void each_output(const Do& at) const {
        at(0, 0);
        for (int o = 0; o < plan_.operators; ++o) at(1 + o, 1 + plan_.slopes + o);
    }

    void last(const Chunk<T>& chunk, const T* biases, T* output) const {
        const int64_t n = chunk.points, k = plan_.outputs;
        with_vectors(plan_.last_vectors(plan_.hidden), [&](auto vectors) {
            each_output([&](int64_t to, int64_t channel) {
                for (int64_t p = 0; p < n; ++p) {
                    for (int64_t j = 0; j < k; ++j) {
                        const T sum = dot<vectors>(after_ + (channel * n + p) * width, n, j);
                        output[to * chunk.output + p * k + j] = channel ? sum : sum + biases[j];
                    }
                }
            });
        });
        for (int o = 0; o < plan_.operators; ++o) {
            if (plan_.zeroth[o] == T(0)) continue;
            T* own = output + (1 + o) * chunk.output;
            for (int64_t i = 0; i < n * k; ++i) own[i] += plan_.zeroth[o] * output[i];
        }
    }

    // Leaves in ``by_value_`` the adjoint of the value, which operators take a multiple of.
    void add_zeroth(const Chunk<T>& chunk, const T* adjoint) const {
        const int64_t numbers = chunk.points * plan_.outputs;
        std::copy_n(adjoint, numbers, by_value_);
        for (int o = 0; o < plan_.operators; ++o) {
            if (plan_.zeroth[o] == T(0)) continue;
            const T* own = adjoint + (1 + o) * chunk.output;
            for (int64_t i = 0; i < numbers; ++i) by_value_[i] += plan_.zeroth[o] * own[i];
        }
    }

    // The adjoint of an output channel, of all operators' parts of it.
    const T* by_output(const Chunk<T>& chunk, const T* adjoint, int64_t channel) const {
        return channel ? adjoint + channel * chunk.output : by_value_;
    }

    // A row after the last activation times the weights of output j; its last panel has so many
    // vectors.
    template <int Last>
    T dot(const T* h, int64_t n, int64_t j) const {
        const T* weights = packed_.last() + j * plan_.padded(plan_.hidden);
        const int64_t step = plan_.channels * n * width;
        Vector<T> sum{};
        const auto add = [&](int v) { sum += load(h + v * lanes<T>) * load(weights + v * lanes<T>); };
        for (int64_t q = panels<T>(plan_.width(plan_.hidden)); q > 1; --q) {
            unrolled<vectors_per_panel>(add);
            h += step, weights += width;
        }
        unrolled<Last>(add);
        return sum_of_lanes<T>(sum);
    }

    void last_back(const Chunk<T>& chunk, const T* adjoint) const {
        const int64_t n = chunk.points, k = plan_.outputs, room = plan_.padded(plan_.hidden);
        each_output([&](int64_t from, int64_t channel) {
            for (int64_t q = 0; q * width < room; ++q) {
                T* to = back_ + (q * plan_.channels + channel) * n * width;
                const T* own = by_output(chunk, adjoint, from);
                const T* weights = packed_.last() + q * width;
                each_vector<T>(n, plan_.vectors(plan_.hidden, q), [&](int64_t p, int lane) {
                    Vector<T> sum{};
                    for (int64_t j = 0; j < k; ++j)
                        sum += own[p * k + j] * load(weights + j * room + lane);
                    store(to + p * width + lane, sum);
                });
            }
        });
    }

    void last_gradient(const Chunk<T>& chunk, const T* adjoint, T* gradient) const {
        const int64_t n = chunk.points, k = plan_.outputs, columns = plan_.width(plan_.hidden);
        T* by_weights = gradient + plan_.weights_at[plan_.hidden];
        T* by_biases = gradient + plan_.bias_at(plan_.hidden);
        for (int64_t j = 0; j < k; ++j) {
            T sum = 0;
            for (int64_t p = 0; p < n; ++p) sum += by_value_[p * k + j];
            by_biases[j] += sum;
            each_panel(columns, [&](int64_t at, int64_t shift, int64_t here) {
                Vector<T> total{};
                each_output([&](int64_t from, int64_t channel) {
                    const T* h = after_ + at * plan_.channels * n + channel * n * width + shift;
                    const T* own = by_output(chunk, adjoint, from) + j;
                    total += sum_over(
                        n, [&](int64_t p) { return own[p * k] * load(h + p * width); });
                });
                T* to = by_weights + j * columns + at + shift;
                for (int64_t i = 0; i < here; ++i) to[i] += total[i];
            });
        }
    }

    // Calls at(first column of the panel, column within it, useful columns) for every vector.
    template <class Do>
    static void each_panel(int64_t columns, const Do& at) {
        for (int64_t c = 0; c < columns; c += lanes<T>)
            at(c / width * width, c % width, std::min<int64_t>(lanes<T>, columns - c));
    }

    void add_rows(int64_t l, int64_t n, T* to) const {
        each_panel(plan_.width(l + 1), [&](int64_t at, int64_t shift, int64_t here) {
            const Vector<T> total = sum_of_rows(back_ + at * plan_.channels * n + shift, n);
            for (int64_t i = 0; i < here; ++i) to[at + shift + i] += total[i];
        });
    }

    // term(0) + ... + term(n - 1) in four partial sums, so that no addition waits for the last.
    template <class Term>
    static Vector<T> sum_over(int64_t n, const Term& term) {
        Vector<T> part[4] = {};
        int64_t p = 0;
        for (; p + 4 <= n; p += 4) unrolled<4>([&](int i) { part[i] += term(p + i); });
        for (; p < n; ++p) part[0] += term(p);
        return (part[0] + part[1]) + (part[2] + part[3]);
    }

    static Vector<T> sum_of_rows(const T* rows, int64_t n) {
        return sum_over(n, [&](int64_t p) { return load(rows + p * width); });
    }

    void entrance_gradient(const Chunk<T>& chunk, int e, T* gradient) const {
        const int64_t n = chunk.points, d = plan_.inputs, block = n * width;
        add_rows(plan_.entry, n, gradient + plan_.entrance_bias_at(e));
        if (plan_.features)
            return outer_product<T>(table(back_, n), table(features_, n), plan_.channels * n,
                                    plan_.width(2), plan_.width(1), gradient + plan_.entrance_at[e]);
        each_panel(plan_.width(1), [&](int64_t at, int64_t shift, int64_t here) {
            const T* value = back_ + at * plan_.channels * n + shift;
            T* to = gradient + plan_.entrance_at[e] + (at + shift) * d;
            const auto add = [&](int64_t axis, T factor, Vector<T> total) {
                for (int64_t i = 0; i < here; ++i) to[i * d + axis] += factor * total[i];
            };
            for (int64_t axis = 0; axis < d; ++axis) {
                const auto term = [&](int64_t p) {
                    return chunk.x[p * d + axis] * load(value + p * width);
                };
                add(axis, T(1), sum_over(n, term));
            }
            const T* rows = value + block;
            for (int s = 0; s < plan_.slopes; ++s, rows += block)
                add(plan_.axes[s], T(1), sum_of_rows(rows, n));
            for (int o = 0; o < plan_.operators; ++o, rows += block) {
                const Vector<T> total = sum_of_rows(rows, n);
                for (int64_t axis = 0; axis < d; ++axis)
                    if (plan_.drift[o * d + axis] != T(0))
                        add(axis, plan_.drift[o * d + axis], total);
            }
        });
    }

    const Plan<T>& plan_;
    const Packed<T> packed_;
    T *after_, *back_, *other_, *by_value_;
    T *swing_ = nullptr, *base_ = nullptr, *by_swing_ = nullptr, *by_base_ = nullptr;
    T *gated_ = nullptr, *features_ = nullptr;
};

}  // namespace pinn
