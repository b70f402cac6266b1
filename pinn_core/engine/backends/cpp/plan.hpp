// What a call is about, and where everything lies; all of it follows from the job alone.
#pragma once

#include <utility>
#include <vector>

#include "jets.hpp"
#include "products.hpp"

namespace pinn {

// The C interface's description of a call; native.py has the same structure.
struct Job {
    int32_t activation, threads, layers, slopes, operators, shared_points;
    int32_t first_gate, base_encoder;  // of ``Stack``; first_gate is -1 without gates
    int64_t members, parameters, points;  // parameters: length of a member's row, padding included
    const int64_t* widths;                // layers + 1, inputs to outputs
    const int64_t* axes;                  // of the slopes
    const double* drift;                  // operators x inputs
    const double* zeroth;                 // operators: the multiple of the value
    const double* diffusion;              // operators x slopes x slopes
    // Of input features, the layer 0 if there are any: features x inputs, features, features.
    const double *directions, *phases;
    const int32_t* waves;  // of ``WaveCode``; null: the coordinates go into the first layer
};

enum WaveCode { wave_identity, wave_cosine, wave_sine };

constexpr int64_t most_blocks = 16;
constexpr int kept_of_waves = 2;  // value and slope

// Made once for many calls, which only read it.
template <class T>
class Plan {
  public:
    // Unless ``keep``, what is kept of a layer may be overwritten by the next.
    Plan(const Job& job, bool keep)
        : keep(keep),
          threads(job.threads),
          slopes(job.slopes),
          operators(job.operators),
          shared_points(job.shared_points),
          features(job.waves),
          gates(job.first_gate >= 0),
          entry(features ? 1 : 0),
          first_gate(entry + job.first_gate),
          base_encoder(job.base_encoder),
          members(job.members),
          parameters(job.parameters),
          points(job.points),
          hidden(job.layers - 1),
          channels(1 + job.slopes + job.operators),
          inputs(job.widths[0]),
          outputs(job.widths[job.layers]),
          axes(job.axes, job.axes + job.slopes),
          drift(job.drift, job.drift + job.operators * inputs),
          zeroth(job.zeroth, job.zeroth + job.operators),
          widths_(job.widths, job.widths + job.layers + 1) {
        set_diffusion(job.diffusion);
        if (features) set_features(job);
        kernel = kernels<T>(job.activation, diffusion);
        for (int64_t l = 0; l <= hidden; ++l) {
            weights_at.push_back(size);
            if (l >= entry) size += (width(l) + 1) * width(l + 1);
        }
        for (int64_t l = 0; l < hidden; ++l) {
            const int64_t own = kept_blocks(l) * padded(l + 1);
            kept_at.push_back(keep ? kept_per_point : 0);
            kept_per_point = keep ? kept_per_point + own : std::max(kept_per_point, own);
            widest = std::max(widest, padded(l + 1));
        }
        for (int e = 0; e < entrances(); ++e) {
            entrance_at.push_back(e ? size : 0);
            kept_entrance.push_back(e && keep ? kept_per_point : 0);
            if (!e) continue;
            size += (width(entry) + 1) * width(entry + 1);
            if (keep) kept_per_point += kept_blocks(entry) * padded(entry + 1);
        }
        set_chunks();
        set_packing();
    }

    Plan(const Plan&) = delete;  // ``diffusion`` points into ``table_``

    int64_t width(int64_t l) const { return widths_[l]; }
    int64_t padded(int64_t l) const { return panels<T>(width(l)) * panel_width<T>; }
    int64_t bias_at(int64_t l) const { return weights_at[l] + width(l) * width(l + 1); }
    // Columns of a layer's tables that are made; gates go through whole tables.
    int64_t made(int64_t l) const { return gates ? padded(l) : width(l); }
    // Vectors of panel ``q`` that have any of them.
    int vectors(int64_t l, int64_t q) const {
        return useful_vectors<T>(made(l) - q * panel_width<T>);
    }
    int last_vectors(int64_t l) const { return vectors(l, panels<T>(width(l)) - 1); }
    int64_t entrance_bias_at(int e) const {
        return entrance_at[e] + width(entry) * width(entry + 1);
    }
    bool has_gate(int64_t l) const { return gates && l >= first_gate; }
    // The first trained layer and, with gates, the encoders U and V, which have the same shape.
    int entrances() const { return gates ? 3 : 1; }
    int kept_values(int64_t l) const { return features && !l ? kept_of_waves : kernel.kept; }
    int64_t kept_blocks(int64_t l) const { return kept_values(l) + (l ? channels - 1 : 0); }
    int64_t kept_size() const { return members * points * kept_per_point; }
    int64_t points_in(int64_t c) const { return std::min(chunk, points - c * chunk); }
    int64_t first_chunk(int64_t block) const { return chunks * block / blocks; }

    const bool keep;
    const int threads, slopes, operators;
    const bool shared_points;
    const bool features, gates;
    const int entry;  // the first trained layer: 0, or 1 behind input features
    const int first_gate, base_encoder;
    const int64_t members, parameters, points;
    const int64_t hidden, channels, inputs, outputs;
    const std::vector<int64_t> axes;
    const std::vector<T> drift, zeroth;
    Diffusion<T> diffusion;
    Kernels<T> kernel;
    // Of input features: directions and phases as weights and biases, and 1 where they are cosines
    // and where they are no waves.
    std::vector<T> feature_layer, cosines, lines;
    std::vector<int64_t> weights_at, kept_at, entrance_at, kept_entrance;
    int64_t size = 0, kept_per_point = 0, widest = 0;
    int64_t chunk = 0, chunks = 0, blocks = 0;
    // Where a member's packed weights lie (packed.hpp) and how much room they take.
    std::vector<int64_t> packed_first, packed_constant, packed_entrance_biases;
    std::vector<int64_t> packed_biases, packed_forward, packed_reverse;
    int64_t packed_last = 0, packed_cosines = 0, packed_lines = 0, packed_size = 0;

  private:
    void set_diffusion(const double* table) {
        bool diagonal = true;
        for (int k = 0; k < operators * slopes * slopes; ++k)
            diagonal = diagonal && (k / slopes % slopes == k % slopes || table[k] == 0.0);
        for (int k = 0; k < operators * slopes * slopes; ++k)
            if (!diagonal || k / slopes % slopes == k % slopes) table_.push_back(T(table[k]));
        diffusion = {slopes, operators, diagonal, table_.data()};
    }

    void set_features(const Job& job) {
        const int64_t count = width(1);
        feature_layer.assign(job.directions, job.directions + count * inputs);
        feature_layer.insert(feature_layer.end(), job.phases, job.phases + count);
        for (int64_t j = 0; j < count; ++j) {
            cosines.push_back(job.waves[j] == wave_cosine);
            lines.push_back(job.waves[j] == wave_identity);
        }
    }

    // Points go through together that keep a layer's channels in a part of the second cache.
    void set_chunks() {
        constexpr int64_t bytes = 160 << 10, step = 48, most = 240;
        const int64_t fit = bytes / (channels * widest * static_cast<int64_t>(sizeof(T)));
        chunk = std::min(std::max(fit / step * step, step), most);
        chunks = (points + chunk - 1) / chunk;
        blocks = std::min(chunks, most_blocks);
    }

    void set_packing() {
        constexpr int64_t line = 64 / sizeof(T);
        int64_t at = 0;
        const auto take = [&](int64_t count) { return std::exchange(at, at + count); };
        for (int e = 0; e < entrances(); ++e) {
            const bool linear = !e || !features;  // in the coordinates
            const int64_t room = padded(linear ? 1 : 2);
            packed_first.push_back(take(room * (linear ? inputs : width(1))));
            packed_constant.push_back(linear ? take(room * (channels - 1)) : 0);
            packed_entrance_biases.push_back(take(room));
        }
        for (int64_t l = 0; l < hidden; ++l) {
            packed_biases.push_back(l ? take(padded(l + 1)) : 0);
            packed_forward.push_back(l ? take(width(l) * padded(l + 1)) : 0);
            packed_reverse.push_back(l ? take(width(l + 1) * padded(l)) : 0);
        }
        packed_last = take(outputs * padded(hidden));
        if (features) {
            packed_cosines = take(padded(1));
            packed_lines = take(padded(1));
        }
        packed_size = (at + line - 1) / line * line;
    }

    const std::vector<int64_t> widths_;
    std::vector<T> table_;
};

}  // namespace pinn
