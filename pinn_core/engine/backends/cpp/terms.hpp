// A loss term of one member: its points, its quantities, its loss and its gradient.
#pragma once

#include "call.hpp"
#include "polynomials.hpp"
#include "squares.hpp"

namespace pinn {

// A table of points' numbers: (m or 1, N, k). native_terms.py has the same structures.
template <class T>
struct PointTable {
    const T* at;
    int64_t member;  // distance between members; 0 if they share it
};

// A loss term: the mean square of polynomials in the outputs less their targets.
template <class T>
struct LossTerm {
    const Plan<T>* plan;
    const Polynomials<T>* form;
    // points: coordinates of all partners; shares: null for ones; coefficients: null if there are none
    PointTable<T> points, targets, shares, coefficients;
    const int64_t* rows;  // (steps, m, n) of the tables; null: the tables' points as they are
};

// Gives out room for a member's numbers, piece by piece from the start of a line of the cache.
template <class T>
class Layout {
  public:
    int64_t take(int64_t count) {
        constexpr int64_t line = 64 / sizeof(T);
        return std::exchange(size_, size_ + (count + line - 1) / line * line);
    }

    int64_t size() const { return size_; }

  private:
    int64_t size_ = 0;
};

// The work on a term. ``room`` is that of member i, in which ``layout`` has given out the places.
template <class T>
class TermWork {
  public:
    // ``parameters``: length of a member's row, padding included. ``in_turn``: whether one thread
    // makes all blocks of a member, one after the other.
    TermWork(const LossTerm<T>& term, int64_t parameters, bool in_turn, Layout<T>& layout)
        : term_(term), plan_(*term.plan), parameters_(parameters), in_turn_(in_turn) {
        const int64_t values = count() * term.form->quantities;
        const bool gathers = term.rows;
        output_ = layout.take(outputs());
        adjoint_ = layout.take(outputs());
        values_ = layout.take(values);
        gradient_ = layout.take(parameters);
        partial_ = layout.take(partial_sums() * plan_.size);
        packed_ = layout.take(plan_.packed_size);
        points_ = layout.take(gathers ? plan_.points * plan_.inputs : 0);
        targets_ = layout.take(gathers ? values : 0);
        shares_ = layout.take(gathers && term.shares.at ? values : 0);
        coefficients_ = layout.take(gathers ? count() * term.form->columns : 0);
    }

    int64_t blocks() const { return plan_.blocks; }
    const T* gradient(const T* room) const { return room + gradient_; }
    // The networks' values, which come before all other outputs.
    const T* values(const T* room) const { return room + output_; }
    int64_t size_of_values() const { return plan_.points * plan_.outputs; }

    // Adjoints and padding that stay zero.
    void begin(T* room) const {
        std::fill_n(room + adjoint_, outputs(), T(0));
        std::fill(room + gradient_ + plan_.size, room + gradient_ + parameters_, T(0));
    }

    // The points of a step, chosen by ``rows`` unless these are null, and the weights as products
    // read them.
    void prepare(int64_t i, const T* theta, const int64_t* rows, T* room) const {
        if (rows) gather(i, rows, room);
        passage(i, theta, room).pack(true, true);
    }

    void block(int64_t i, const T* theta, int64_t number, T* room) const {
        const int64_t place = in_turn_ ? 0 : number - 1;
        T* sum = room + (number ? partial_ + place * plan_.size : gradient_);
        passage(i, theta, room)
            .there_and_back(number, room + output_, room + adjoint_, sum,
                            [&](int64_t start, int64_t points) {
                                set_adjoint(i, start, points, room);
                            });
        if (number && in_turn_) add_partial(room);
    }

    // To be called after all blocks: the gradient is whole when they are added to the first.
    void complete(T* room) const {
        if (!in_turn_) add_partial(room);
    }

    double loss(int64_t i, const T* room) const {
        const int64_t n = count();
        return mean_square<T>(room + values_, own(term_.targets, targets_, i, room),
                              own(term_.shares, shares_, i, room), n * term_.form->quantities, n);
    }

  private:
    // Blocks after the first whose parts of the gradient are kept until the last is done; in turn
    // each is added at once, in the same order.
    int64_t partial_sums() const {
        return in_turn_ ? std::min<int64_t>(plan_.blocks - 1, 1) : plan_.blocks - 1;
    }

    void add_partial(T* room) const {
        T* sum = room + gradient_;
        const T* partial = room + partial_;
        for (int64_t block = 0; block < partial_sums(); ++block, partial += plan_.size)
            for (int64_t k = 0; k < plan_.size; ++k) sum[k] += partial[k];
    }

    // Points of the term, each of which has all of its partners among those of the plan.
    int64_t count() const { return plan_.points / term_.form->partners; }

    int64_t outputs() const { return (1 + plan_.operators) * plan_.points * plan_.outputs; }

    static const T* own(const PointTable<T>& table, int64_t i) {
        return table.at ? table.at + i * table.member : nullptr;
    }

    // What was gathered of a table, or the table itself; null if there is none.
    const T* own(const PointTable<T>& table, int64_t gathered, int64_t i, const T* room) const {
        return term_.rows && table.at ? room + gathered : own(table, i);
    }

    Passage<T> passage(int64_t i, const T* theta, T* room) const {
        return {plan_, theta, own(term_.points, points_, i, room), room + packed_};
    }

    void gather(int64_t i, const int64_t* rows, T* room) const {
        const int64_t n = count();
        const auto copy = [&](const PointTable<T>& table, int64_t width, int64_t to) {
            const T* from = own(table, i);
            if (!from) return;
            T* at = room + to;
            for (int64_t p = 0; p < n; ++p)
                for (int64_t k = 0; k < width; ++k) *at++ = from[rows[p] * width + k];
        };
        copy(term_.points, term_.form->partners * plan_.inputs, points_);
        copy(term_.targets, term_.form->quantities, targets_);
        copy(term_.shares, term_.form->quantities, shares_);
        copy(term_.coefficients, term_.form->columns, coefficients_);
    }

    // The quantities of a chunk, and the adjoint of the outputs that they come from.
    void set_adjoint(int64_t i, int64_t first, int64_t points, T* room) const {
        const Polynomials<T>& form = *term_.form;
        const int64_t n = count(), q = form.quantities;
        const int64_t start = first / form.partners, size = points / form.partners;
        const T* target = own(term_.targets, targets_, i, room);
        const T* share = own(term_.shares, shares_, i, room);
        const Evaluated<T> outputs{room + output_, n, plan_.outputs,
                                   own(term_.coefficients, coefficients_, i, room)};
        T *product = chunk_room.room<T>(size * (1 + q)), *slope = product + size;
        T* values = room + values_ + start * q;
        polynomial_values(form, outputs, start, size, product, values);
        slopes(values, target + start * q, share ? share + start * q : nullptr, size * q,
               T(2) / T(n), slope);
        polynomial_adjoint(form, outputs, start, size, slope, product, room + adjoint_);
    }

    static inline thread_local Workspace chunk_room;

    const LossTerm<T>& term_;
    const Plan<T>& plan_;
    const int64_t parameters_;
    const bool in_turn_;
    int64_t output_, adjoint_, values_, gradient_, partial_, packed_;
    int64_t points_, targets_, shares_, coefficients_;
};

// Whether every thread takes members of its own, rather than share the blocks of them all.
inline bool by_member(int64_t members, int threads, bool one_block) {
    const int64_t own = std::max(threads, 1), rounds = (members + own - 1) / own;
    return one_block || 5 * members >= 4 * rounds * own;
}

}  // namespace pinn
