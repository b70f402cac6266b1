// Input features: sines, cosines and lines of linear functions of the coordinates.
#pragma once

#include "jets.hpp"
#include "plan.hpp"

namespace pinn {

// The counterpart of ``activate``. Kept of a feature are its value, in whose place the linear
// function comes, and its slope. ``cosines`` and ``lines`` are 1 in the columns of such features.
template <class T, bool Again>
[[gnu::flatten]] void waves(const Diffusion<T>& a, const Activated<T>& layer, const T* cosines,
                            const T* lines) {
    constexpr int width = panel_width<T>;
    const int64_t block = layer.points * width, step = layer.rest.channel_step;
    for (int64_t q = 0; q < layer.panels; ++q) {
        each_vector<T>(layer.points, layer.vectors(q), [&](int64_t p, int lane) {
            const int64_t at = p * width + lane, column = q * width + lane;
            T* own = layer.kept + q * layer.kept_step + at;
            const Mask<T> line = load(lines + column) != T(0);
            if (!Again) {
                const Mask<T> turned = load(cosines + column) != T(0);
                const Vector<T> z = load(own + block);
                Vector<T> sine, cosine;
                sine_cosine<T>(z, sine, cosine);
                const Vector<T> value = turned ? cosine : sine, slope = turned ? -sine : cosine;
                store(own, line ? broadcast(T(1)) : slope);
                store(own + block, line ? z : value);
            }
            const Vector<T> value = load(own + block);
            const Jet<T> jet{value, load(own), line ? Vector<T>{} : -value, {}};
            const T* z = layer.rest.at + q * layer.rest.panel_step + lane;
            T* after = layer.after + q * (1 + a.slopes + a.operators) * block + at;
            store(after, jet.value);
            slopes_after<T, -1>(a, jet, z, step, after, block);
            operators_after<T, -1, -1>(a, jet, z, step, after, block);
        });
    }
}

}  // namespace pinn
