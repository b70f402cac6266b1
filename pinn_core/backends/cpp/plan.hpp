// What a call is about, and where everything lies; all of it follows from the job alone.
#pragma once

#include <vector>

#include "jets.hpp"
#include "products.hpp"

namespace pinn {

// The C interface's description of a call; native.py has the same structure.
struct Job {
    int32_t activation, threads, layers, slopes, operators, shared_points;
    int64_t members, parameters, points;  // parameters: length of a member's row, padding included
    const int64_t* widths;                // layers + 1, inputs to outputs
    const int64_t* axes;                  // of the slopes
    const double* drift;                  // operators x inputs
    const double* diffusion;              // operators x slopes x slopes
};

constexpr int64_t most_blocks = 16;

template <class T>
class Plan {
  public:
    // Unless ``keep``, what is kept of a layer may be overwritten by the next.
    Plan(const Job& job, bool keep)
        : job(job),
          hidden(job.layers - 1),
          channels(1 + job.slopes + job.operators),
          inputs(job.widths[0]),
          outputs(job.widths[job.layers]),
          drift(job.drift, job.drift + job.operators * inputs) {
        set_diffusion();
        kernel = kernels<T>(job.activation, diffusion);
        int64_t at = 0;
        for (int64_t l = 0; l < job.layers; ++l) {
            weights_at.push_back(at);
            at += (width(l) + 1) * width(l + 1);
        }
        size = at;
        for (int64_t l = 0; l < hidden; ++l) {
            const int64_t own = kept_blocks(l) * padded(l + 1);
            kept_at.push_back(keep ? kept_per_point : 0);
            kept_per_point = keep ? kept_per_point + own : std::max(kept_per_point, own);
            widest = std::max(widest, padded(l + 1));
        }
        set_chunks();
    }

    int64_t width(int64_t l) const { return job.widths[l]; }
    int64_t padded(int64_t l) const { return panels<T>(width(l)) * panel_width<T>; }
    int64_t bias_at(int64_t l) const { return weights_at[l] + width(l) * width(l + 1); }
    int64_t kept_blocks(int64_t l) const { return kernel.kept + (l ? channels - 1 : 0); }
    int64_t points_in(int64_t c) const { return std::min(chunk, job.points - c * chunk); }
    int64_t first_chunk(int64_t block) const { return chunks * block / blocks; }

    const Job& job;
    const int64_t hidden, channels, inputs, outputs;
    std::vector<T> drift;
    Diffusion<T> diffusion;
    Kernels<T> kernel;
    std::vector<int64_t> weights_at, kept_at;
    int64_t size = 0, kept_per_point = 0, widest = 0;
    int64_t chunk = 0, chunks = 0, blocks = 0;

  private:
    void set_diffusion() {
        const int slopes = job.slopes;
        bool diagonal = true;
        for (int64_t k = 0; k < job.operators * slopes * slopes; ++k)
            diagonal = diagonal && (k / slopes % slopes == k % slopes || job.diffusion[k] == 0.0);
        for (int64_t k = 0; k < job.operators * slopes * slopes; ++k)
            if (!diagonal || k / slopes % slopes == k % slopes) table_.push_back(T(job.diffusion[k]));
        diffusion = {slopes, job.operators, diagonal, table_.data()};
    }

    // Points go through together that keep a layer's channels in a part of the second cache.
    void set_chunks() {
        constexpr int64_t bytes = 160 << 10, step = 48, most = 240;
        const int64_t fit = bytes / (channels * widest * static_cast<int64_t>(sizeof(T)));
        chunk = std::min(std::max(fit / step * step, step), most);
        chunks = (job.points + chunk - 1) / chunk;
        blocks = std::min(chunks, most_blocks);
    }

    std::vector<T> table_;
};

}  // namespace pinn
