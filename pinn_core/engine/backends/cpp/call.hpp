// A pack's way through one plan, forward or back, and one member's way there and back.
//
// Tasks are (member, block of chunks). Chunks and blocks follow from the job without its members
// and threads, and sums over them are taken in order: so a member's bits depend on nothing else.
#pragma once

#include "pool.hpp"
#include "propagation.hpp"

namespace pinn {

inline thread_local Workspace scratch, packed_rooms, partial_sums;

// One member: its parameters, its points, and room for plan.packed_size numbers.
template <class T>
struct Passage {
    const Plan<T>& plan;
    const T* parameters;
    const T* points;
    T* room;

    Packed<T> packed() const { return {plan, room}; }

    void pack(bool for_forward, bool for_reverse) const {
        packed().pack(parameters, for_forward, for_reverse);
    }

    // Calls task(propagation, chunk, first point) for a block's chunks. What they keep lies in
    // ``kept``, or for each chunk in the same place where that is null.
    template <class Do>
    void block(int64_t number, T* kept, const Do& task) const {
        const int64_t own = Propagation<T>::room(plan);
        T* here = scratch.room<T>(own + (kept ? 0 : plan.chunk * plan.kept_per_point));
        Propagation<T> propagation(plan, packed(), here);
        for (int64_t c = plan.first_chunk(number); c < plan.first_chunk(number + 1); ++c) {
            const int64_t start = c * plan.chunk;
            T* place = kept ? kept + start * plan.kept_per_point : here + own;
            task(propagation,
                 Chunk<T>{plan.points_in(c), points + start * plan.inputs, place,
                          plan.points * plan.outputs},
                 start);
        }
    }

    // The outputs of a block's points; ``kept`` as above.
    void forward(int64_t number, T* kept, T* output) const {
        block(number, kept, [&](Propagation<T>& way, const Chunk<T>& chunk, int64_t start) {
            way.forward(chunk, parameters, output + start * plan.outputs);
        });
    }

    // Sets ``sum`` to the block's part of the gradient.
    void reverse(int64_t number, T* kept, const T* adjoint, T* sum) const {
        std::fill_n(sum, plan.size, T(0));
        block(number, kept, [&](Propagation<T>& way, const Chunk<T>& chunk, int64_t start) {
            way.reverse(chunk, adjoint + start * plan.outputs, sum);
        });
    }

    // Both, chunk by chunk, while what is kept of it is in the cache: between(first point, points)
    // makes the adjoint from the output.
    template <class Between>
    void there_and_back(int64_t number, T* output, const T* adjoint, T* sum,
                        const Between& between) const {
        std::fill_n(sum, plan.size, T(0));
        block(number, nullptr, [&](Propagation<T>& way, const Chunk<T>& chunk, int64_t start) {
            way.forward(chunk, parameters, output + start * plan.outputs);
            between(start, chunk.points);
            way.reverse(chunk, adjoint + start * plan.outputs, sum);
        });
    }
};

// sum = block 0 + block 1 + ... in this order, from number ``from`` to ``to``.
template <class T>
void add_blocks(const T* partial, int64_t blocks, int64_t size, int64_t from, int64_t to, T* sum) {
    std::copy(partial + from, partial + to, sum + from);
    for (int64_t block = 1; block < blocks; ++block)
        for (int64_t k = from; k < to; ++k) sum[k] += partial[block * size + k];
}

template <class T>
class Call {
  public:
    Call(const Plan<T>& plan, const T* parameters, const T* points, T* kept)
        : plan_(plan), parameters_(parameters), points_(points), kept_(kept) {}

    void forward(T* output) {
        pack(true);
        each(plan_.members * plan_.blocks, plan_.threads, [&](int64_t i) {
            const int64_t member = i / plan_.blocks;
            passage(member).forward(i % plan_.blocks, kept(member), output + member * output_size());
        });
    }

    void reverse(const T* adjoint, T* gradient) {
        pack(false);
        const int64_t members = plan_.members, blocks = plan_.blocks, size = plan_.size;
        T* partial = blocks > 1 ? partial_sums.room<T>(members * blocks * size) : nullptr;
        each(members * blocks, plan_.threads, [&](int64_t i) {
            const int64_t member = i / blocks;
            T* sum = blocks > 1 ? partial + i * size : gradient + member * plan_.parameters;
            passage(member).reverse(i % blocks, kept(member), adjoint + member * output_size(),
                                    sum);
        });
        if (blocks > 1) add(partial, gradient);
        for (int64_t member = 0; member < members; ++member)
            std::fill(gradient + member * plan_.parameters + size,
                      gradient + (member + 1) * plan_.parameters, T(0));
    }

  private:
    Passage<T> passage(int64_t member) const {
        return {plan_, parameters_ + member * plan_.parameters,
                points_ + (plan_.shared_points ? 0 : member * plan_.points * plan_.inputs),
                packed_ + member * plan_.packed_size};
    }

    T* kept(int64_t member) const {
        return plan_.keep ? kept_ + member * plan_.points * plan_.kept_per_point : nullptr;
    }

    int64_t output_size() const { return (1 + plan_.operators) * plan_.points * plan_.outputs; }

    void pack(bool forward) {
        packed_ = packed_rooms.room<T>(plan_.packed_size * plan_.members);
        each(plan_.members, plan_.threads,
             [&](int64_t member) { passage(member).pack(forward, !forward); });
    }

    void add(const T* partial, T* gradient) const {
        constexpr int64_t parts = 8;
        const int64_t size = plan_.size, blocks = plan_.blocks;
        each(plan_.members * parts, plan_.threads, [&](int64_t i) {
            const int64_t member = i / parts, part = i % parts;
            add_blocks(partial + member * blocks * size, blocks, size, size * part / parts,
                       size * (part + 1) / parts, gradient + member * plan_.parameters);
        });
    }

    const Plan<T>& plan_;
    const T *parameters_, *points_;
    T *kept_, *packed_ = nullptr;
};

}  // namespace pinn
