// A member's weights as the products read them.
#pragma once

#include "plan.hpp"

namespace pinn {

// Panels of every layer's weights; padding columns are zero.
template <class T>
class Packed {
  public:
    // ``at`` has room for plan.packed_size numbers.
    Packed(const Plan<T>& plan, T* at) : plan_(plan), at_(at) {}

    // Of the layers that take the coordinates: [panel][input][column], [panel][channel - 1][column];
    // an encoder that takes features has the first alone.
    T* first(int e) const { return at_ + plan_.packed_first[e]; }
    T* constant(int e) const { return at_ + plan_.packed_constant[e]; }
    T* entrance_biases(int e) const { return at_ + plan_.packed_entrance_biases[e]; }
    T* biases(int64_t l) const { return at_ + plan_.packed_biases[l]; }
    // [panel][term][column], transposed for the way forward, as they are for the way back
    T* forward(int64_t l) const { return at_ + plan_.packed_forward[l]; }
    T* reverse(int64_t l) const { return at_ + plan_.packed_reverse[l]; }
    T* last() const { return at_ + plan_.packed_last; }  // rows
    // Of input features: 1 where they are cosines, where they are no waves.
    T* cosines() const { return at_ + plan_.packed_cosines; }
    T* lines() const { return at_ + plan_.packed_lines; }

    void pack(const T* parameters, bool for_forward, bool for_reverse) const {
        if (plan_.features)
            pack_features(parameters);
        else
            for (int e = 0; e < plan_.entrances(); ++e)
                pack_linear(parameters + plan_.entrance_at[e], e);
        for (int64_t l = 1; l < plan_.hidden; ++l) {
            const int64_t rows = plan_.width(l + 1), columns = plan_.width(l);
            copy_padded(parameters + plan_.bias_at(l), rows, plan_.padded(l + 1), biases(l));
            const T* weights = parameters + plan_.weights_at[l];
            if (for_forward) pack_transposed(weights, columns, rows, forward(l));
            if (for_reverse && l > plan_.entry) pack_panels(weights, rows, columns, reverse(l));
        }
        const int64_t columns = plan_.width(plan_.hidden), room = plan_.padded(plan_.hidden);
        for (int64_t k = 0; k < plan_.outputs; ++k)
            copy_padded(parameters + plan_.weights_at[plan_.hidden] + k * columns, columns, room,
                        last() + k * room);
    }

  private:
    static void copy_padded(const T* from, int64_t count, int64_t room, T* to) {
        std::fill(std::copy(from, from + count, to), to + room, T(0));
    }

    // to[panel][term][column] = from[term][column]
    static void pack_panels(const T* from, int64_t terms, int64_t columns, T* to) {
        constexpr int width = panel_width<T>;
        for (int64_t c = 0; c < columns; c += width)
            for (int64_t k = 0; k < terms; ++k, to += width)
                copy_padded(from + k * columns + c, std::min<int64_t>(width, columns - c), width, to);
    }

    // to[panel][term][column] = from[column][term], read in order: compilers gather slowly.
    static void pack_transposed(const T* from, int64_t terms, int64_t columns, T* to) {
        constexpr int width = panel_width<T>;
        for (int64_t c = 0; c < columns; c += width, to += terms * width) {
            const int64_t here = std::min<int64_t>(width, columns - c);
            if (here < width) std::fill_n(to, terms * width, T(0));
            for (int64_t i = 0; i < here; ++i, from += terms)
                for (int64_t k = 0; k < terms; ++k) to[k * width + i] = from[k];
        }
    }

    // The features' own layer, and the encoders that take them.
    void pack_features(const T* parameters) const {
        pack_linear(plan_.feature_layer.data(), 0);
        copy_padded(plan_.cosines.data(), plan_.width(1), plan_.padded(1), cosines());
        copy_padded(plan_.lines.data(), plan_.width(1), plan_.padded(1), lines());
        for (int e = 1; e < plan_.entrances(); ++e) {
            copy_padded(parameters + plan_.entrance_bias_at(e), plan_.width(2), plan_.padded(2),
                        entrance_biases(e));
            pack_transposed(parameters + plan_.entrance_at[e], plan_.width(1), plan_.width(2),
                            first(e));
        }
    }

    // A layer of the coordinates: weights, then biases.
    void pack_linear(const T* layer, int e) const {
        copy_padded(layer + plan_.inputs * plan_.width(1), plan_.width(1), plan_.padded(1),
                    entrance_biases(e));
        pack_entrance(layer, first(e), constant(e));
    }

    // Of a linear function the slopes are its weights, whatever the point.
    void pack_entrance(const T* parameters, T* first, T* constant) const {
        constexpr int width = panel_width<T>;
        const int64_t d = plan_.inputs, columns = plan_.width(1), rest = plan_.channels - 1;
        pack_transposed(parameters, d, columns, first);
        for (int64_t q = 0; q < panels<T>(columns); ++q) {
            const T* weights = first + q * d * width;
            T* to = constant + q * rest * width;
            for (int s = 0; s < plan_.slopes; ++s, to += width)
                std::copy_n(weights + plan_.axes[s] * width, width, to);
            for (int o = 0; o < plan_.operators; ++o, to += width) {
                std::fill_n(to, width, T(0));
                for (int64_t i = 0; i < d; ++i) {
                    const T b = plan_.drift[o * d + i];
                    if (b == T(0)) continue;
                    for (int j = 0; j < width; ++j) to[j] += b * weights[i * width + j];
                }
            }
        }
    }

    const Plan<T>& plan_;
    T* at_;
};

}  // namespace pinn
