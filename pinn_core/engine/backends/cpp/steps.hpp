// Whole training steps of a pack, several in one call: points, propagation, losses, gradients,
// Adam, and the numbers that are recorded of every step.
//
// It does with one member after the other what the functions that torch calls do with all of them,
// by the same functions of one row: a training gives the same bits either way. Members know nothing
// of each other, so that one thread takes a member through all steps while its rows are in the
// cache; where threads outnumber members they share the blocks of every step.
#pragma once

#include "call.hpp"
#include "polynomials.hpp"
#include "rows.hpp"
#include "squares.hpp"

namespace pinn {

// A table of points' numbers: (m or 1, N, k). native_steps.py has the same structures.
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

// Values that are wanted for the record alone, at points that all members share.
template <class T>
struct Watched {
    const Plan<T>* plan;
    const T* points;
};

template <class T>
struct StepsJob {
    int64_t steps, members, parameters, terms, watched;
    int32_t threads, free_gradients;  // whether gradients are recorded in every step
    const LossTerm<T>* term;
    const Watched<T>* watch;
    T *theta, *previous_update;  // (m, P)
    const T* initial;
    // What is optimised, and Adam.
    const T* weights;  // (t, m)
    T *first, *second;
    const T *rates, *shrinks;   // (steps, m); no decay: null
    const double* corrections;  // (steps, 2)
    double beta1, beta2, epsilon;
    // Weighted squares of the values: of the watched points, or of the terms ``sources``.
    int64_t tables, sources, values;
    const int64_t* source;
    const T *targets, *table_weights;  // (tables, values)
    // Rows of the record, (numbers, m) each; ``exact_weights`` is (t, m).
    const double* exact_weights;
    double *always, *gradients;
    int64_t always_row, gradients_row;  // distance between rows
    int64_t derived;                    // further terms whose losses stand beside the gradients
    const int64_t* derive;
};

// Where a term's numbers of one member lie in its room.
struct TermRoom {
    int64_t output, adjoint, values, gradient, partial, packed;
    int64_t points, targets, shares, coefficients;
};

template <class T>
class Steps {
  public:
    explicit Steps(const StepsJob<T>& job) : job_(job) {
        for (int64_t t = 0; t < job.terms; ++t) blocks_ += job.term[t].plan->blocks;
        for (int64_t w = 0; w < job.watched; ++w) blocks_ += job.watch[w].plan->blocks;
        by_member_ = by_member();
        for (int64_t t = 0; t < job.terms; ++t) lay_term(job.term[t]);
        for (int64_t w = 0; w < job.watched; ++w) {
            const Plan<T>& plan = *job.watch[w].plan;
            watched_.push_back({take(plan.points * plan.outputs), take(plan.packed_size)});
        }
        total_ = take(job.parameters);
        update_ = take(job.parameters);
        away_ = take(job.parameters);
        conditions_ = take(job.parameters);
        values_ = take(job.values);
    }

    void run() {
        if (by_member_) {
            each(job_.members, job_.threads, [&](int64_t i) {
                T* room = member_room.room<T>(size_);
                begin(room);
                for (int64_t step = 0; step < job_.steps; ++step) {
                    prepare(i, step, room);
                    for (int64_t b = 0; b < blocks_; ++b) block(i, b, room);
                    finish(i, step, room);
                }
            });
            return;
        }
        T* rooms = member_room.room<T>(size_ * job_.members);
        const auto room = [&](int64_t i) { return rooms + i * size_; };
        for (int64_t i = 0; i < job_.members; ++i) begin(room(i));
        for (int64_t step = 0; step < job_.steps; ++step) {
            each(job_.members, job_.threads, [&](int64_t i) { prepare(i, step, room(i)); });
            each(job_.members * blocks_, job_.threads, [&](int64_t task) {
                const int64_t i = task / blocks_;
                block(i, task % blocks_, room(i));
            });
            each(job_.members, job_.threads, [&](int64_t i) { finish(i, step, room(i)); });
        }
    }

  private:
    struct WatchedRoom {
        int64_t output, packed;
    };

    int64_t take(int64_t count) {
        constexpr int64_t line = 64 / sizeof(T);
        return std::exchange(size_, size_ + (count + line - 1) / line * line);
    }

    void lay_term(const LossTerm<T>& term) {
        const Plan<T>& plan = *term.plan;
        const int64_t outputs = (1 + plan.operators) * plan.points * plan.outputs;
        const int64_t n = count(term), values = n * term.form->quantities;
        const bool gathers = term.rows;
        terms_.push_back({take(outputs), take(outputs), take(values), take(job_.parameters),
                          take(partial_sums(plan) * plan.size), take(plan.packed_size),
                          take(gathers ? plan.points * plan.inputs : 0), take(gathers ? values : 0),
                          take(gathers && term.shares.at ? values : 0),
                          take(gathers ? n * term.form->columns : 0)});
    }

    // Blocks after the first whose parts of the gradient are kept until the last is done; a thread
    // that makes one block after the other adds each at once, in the same order.
    int64_t partial_sums(const Plan<T>& plan) const {
        return by_member_ ? std::min<int64_t>(plan.blocks - 1, 1) : plan.blocks - 1;
    }

    // Points of a term, each of which has all of its partners among those of the plan.
    static int64_t count(const LossTerm<T>& term) {
        return term.plan->points / term.form->partners;
    }

    // Whether every thread takes members of its own through all steps.
    bool by_member() const {
        const int64_t threads = std::max(job_.threads, 1), members = job_.members;
        const int64_t rounds = (members + threads - 1) / threads;
        return blocks_ == job_.terms + job_.watched || 5 * members >= 4 * rounds * threads;
    }

    // Adjoints and padding that stay zero.
    void begin(T* room) const {
        for (int64_t t = 0; t < job_.terms; ++t) {
            const Plan<T>& plan = *job_.term[t].plan;
            std::fill_n(room + terms_[t].adjoint,
                        (1 + plan.operators) * plan.points * plan.outputs, T(0));
            std::fill(room + terms_[t].gradient + plan.size,
                      room + terms_[t].gradient + job_.parameters, T(0));
        }
    }

    const T* theta(int64_t i) const { return job_.theta + i * job_.parameters; }

    static const T* own(const PointTable<T>& table, int64_t i) {
        return table.at ? table.at + i * table.member : nullptr;
    }

    const T* points(const LossTerm<T>& term, const TermRoom& at, int64_t i, T* room) const {
        return term.rows ? room + at.points : own(term.points, i);
    }
    const T* targets(const LossTerm<T>& term, const TermRoom& at, int64_t i, T* room) const {
        return term.rows ? room + at.targets : own(term.targets, i);
    }
    const T* shares(const LossTerm<T>& term, const TermRoom& at, int64_t i, T* room) const {
        return term.rows && term.shares.at ? room + at.shares : own(term.shares, i);
    }

    const T* coefficients(const LossTerm<T>& term, const TermRoom& at, int64_t i, T* room) const {
        return term.rows ? room + at.coefficients : own(term.coefficients, i);
    }

    Passage<T> passage(int64_t t, int64_t i, T* room) const {
        const LossTerm<T>& term = job_.term[t];
        return {*term.plan, theta(i), points(term, terms_[t], i, room), room + terms_[t].packed};
    }

    Passage<T> watched_passage(int64_t w, int64_t i, T* room) const {
        const Watched<T>& watch = job_.watch[w];
        return {*watch.plan, theta(i), watch.points, room + watched_[w].packed};
    }

    // The step's points, and the weights as products read them.
    void prepare(int64_t i, int64_t step, T* room) const {
        for (int64_t t = 0; t < job_.terms; ++t) {
            gather(t, i, step, room);
            passage(t, i, room).pack(true, true);
        }
        for (int64_t w = 0; w < job_.watched; ++w) watched_passage(w, i, room).pack(true, false);
    }

    void gather(int64_t t, int64_t i, int64_t step, T* room) const {
        const LossTerm<T>& term = job_.term[t];
        if (!term.rows) return;
        const Plan<T>& plan = *term.plan;
        const int64_t n = count(term), partners = term.form->partners;
        const int64_t* rows = term.rows + (step * job_.members + i) * n;
        const auto copy = [&](const PointTable<T>& table, int64_t width, int64_t to) {
            const T* from = own(table, i);
            if (!from) return;
            T* at = room + to;
            for (int64_t p = 0; p < n; ++p)
                for (int64_t k = 0; k < width; ++k) *at++ = from[rows[p] * width + k];
        };
        copy(term.points, partners * plan.inputs, terms_[t].points);
        copy(term.targets, term.form->quantities, terms_[t].targets);
        copy(term.shares, term.form->quantities, terms_[t].shares);
        copy(term.coefficients, term.form->columns, terms_[t].coefficients);
    }

    // One of the blocks of all terms, then of all that is watched.
    void block(int64_t i, int64_t number, T* room) const {
        for (int64_t t = 0; t < job_.terms; number -= job_.term[t++].plan->blocks)
            if (number < job_.term[t].plan->blocks) return term_block(t, i, number, room);
        for (int64_t w = 0; w < job_.watched; number -= job_.watch[w++].plan->blocks)
            if (number < job_.watch[w].plan->blocks)
                return watched_passage(w, i, room)
                    .forward(number, nullptr, room + watched_[w].output);
    }

    void term_block(int64_t t, int64_t i, int64_t number, T* room) const {
        const LossTerm<T>& term = job_.term[t];
        const TermRoom& at = terms_[t];
        const Plan<T>& plan = *term.plan;
        const int64_t place = by_member_ ? 0 : number - 1;
        T* sum = room + (number ? at.partial + place * plan.size : at.gradient);
        passage(t, i, room)
            .there_and_back(number, room + at.output, room + at.adjoint, sum,
                            [&](int64_t start, int64_t count) {
                                set_adjoint(t, i, start, count, room);
                            });
        if (number && by_member_) add_partial(t, room);
    }

    // The quantities of a chunk, and the adjoint of the outputs that they come from.
    void set_adjoint(int64_t t, int64_t i, int64_t first, int64_t points, T* room) const {
        const LossTerm<T>& term = job_.term[t];
        const TermRoom& at = terms_[t];
        const Polynomials<T>& form = *term.form;
        const int64_t n = count(term), q = form.quantities, k = term.plan->outputs;
        const int64_t start = first / form.partners, size = points / form.partners;
        const T *target = targets(term, at, i, room), *share = shares(term, at, i, room);
        const Evaluated<T> outputs{room + at.output, n, k, coefficients(term, at, i, room)};
        T *product = chunk_room.room<T>(size * (1 + q)), *slope = product + size;
        T* values = room + at.values + start * q;
        polynomial_values(form, outputs, start, size, product, values);
        slopes(values, target + start * q, share ? share + start * q : nullptr, size * q,
               T(2) / T(n), slope);
        polynomial_adjoint(form, outputs, start, size, slope, product, room + at.adjoint);
    }

    // Gradients, the update, the row of the record.
    void finish(int64_t i, int64_t step, T* room) const {
        const int64_t size = job_.parameters, members = job_.members, at = i * size;
        for (int64_t t = 0; t < job_.terms && !by_member_; ++t) add_partial(t, room);
        double* row = job_.always + step * job_.always_row + i;
        const auto put = [&](double number) {
            *row = number;
            row += members;
        };
        std::vector<const T*> gradients;
        std::vector<T> weights;
        for (int64_t t = 0; t < job_.terms; ++t) {
            put(loss(t, i, room));
            gradients.push_back(room + terms_[t].gradient);
            weights.push_back(job_.weights[t * members + i]);
        }
        for (int64_t t = 0; t < job_.terms; ++t) put(job_.exact_weights[t * members + i]);
        const T* values = gathered_values(room);
        for (int64_t table = 0; table < job_.tables; ++table)
            put(distance(values, job_.targets + table * job_.values,
                         job_.table_weights + table * job_.values, job_.values));
        T *total = room + total_, *update = room + update_, *away = room + away_;
        weighted_sum(gradients.data(), weights.data(), job_.terms, size, total);
        descend(i, step, total, update);
        T *own = job_.theta + at, *previous = job_.previous_update + at;
        for (int64_t k = 0; k < size; ++k) away[k] = own[k] - job_.initial[at + k];
        record_products({away, update, update}, {away, update, previous}, row);
        if (job_.free_gradients) record_gradients(i, step, room);
        for (int64_t k = 0; k < size; ++k) own[k] += update[k];
        std::copy_n(update, size, previous);
    }

    void add_partial(int64_t t, T* room) const {
        const Plan<T>& plan = *job_.term[t].plan;
        T* sum = room + terms_[t].gradient;
        const T* partial = room + terms_[t].partial;
        for (int64_t block = 0; block < partial_sums(plan); ++block, partial += plan.size)
            for (int64_t k = 0; k < plan.size; ++k) sum[k] += partial[k];
    }

    double loss(int64_t t, int64_t i, T* room) const {
        const LossTerm<T>& term = job_.term[t];
        const int64_t n = count(term);
        return mean_square<T>(room + terms_[t].values, targets(term, terms_[t], i, room),
                              shares(term, terms_[t], i, room), n * term.form->quantities, n);
    }

    // The networks' values for the record, side by side.
    const T* gathered_values(T* room) const {
        T *first = room + values_, *to = first;
        for (int64_t s = 0; s < job_.sources; ++s) {
            const int64_t from = job_.source[s];  // a term, or after the terms what is watched
            const bool is_term = from < job_.terms;
            const Plan<T>& plan = is_term ? *job_.term[from].plan : *job_.watch[from - job_.terms].plan;
            const int64_t place = is_term ? terms_[from].output : watched_[from - job_.terms].output;
            to = std::copy_n(room + place, plan.points * plan.outputs, to);
        }
        return first;
    }

    void descend(int64_t i, int64_t step, const T* gradient, T* update) const {
        const int64_t at = i * job_.parameters, entry = step * job_.members + i;
        const double* corrections = job_.corrections + 2 * step;
        const AdamSettings by{job_.beta1, job_.beta2, job_.epsilon, corrections[0], corrections[1]};
        const T rate = job_.rates[entry];
        if (job_.shrinks)
            adam_row<T, true>(gradient, job_.first + at, job_.second + at, rate, theta(i),
                              job_.shrinks[entry], job_.parameters, by, update);
        else
            adam_row<T, false>(gradient, job_.first + at, job_.second + at, rate, nullptr, T(0),
                               job_.parameters, by, update);
    }

    // The inner products of the conditions' gradient and the equation's, of each condition's with
    // itself where there are several, and losses.
    void record_gradients(int64_t i, int64_t step, T* room) const {
        const T* equation = room + terms_[0].gradient;
        const T* conditions = together(room);
        std::vector<const T*> left{equation, conditions, equation};
        std::vector<const T*> right{equation, conditions, conditions};
        if (job_.terms > 2)
            for (int64_t t = 1; t < job_.terms; ++t) {
                left.push_back(room + terms_[t].gradient);
                right.push_back(left.back());
            }
        double* row = job_.gradients + step * job_.gradients_row + i;
        record_products(left, right, row);
        row += static_cast<int64_t>(left.size()) * job_.members;
        *row = loss(0, i, room);
        for (int64_t d = 0; d < job_.derived; ++d)
            row[(1 + d) * job_.members] = loss(job_.derive[d], i, room);
    }

    // The sum of the conditions' gradients.
    const T* together(T* room) const {
        if (job_.terms == 2) return room + terms_[1].gradient;
        T* sum = room + conditions_;
        std::fill_n(sum, job_.parameters, T(0));
        if (job_.terms > 2) std::copy_n(room + terms_[1].gradient, job_.parameters, sum);
        for (int64_t t = 2; t < job_.terms; ++t) {
            const T* other = room + terms_[t].gradient;
            for (int64_t k = 0; k < job_.parameters; ++k) sum[k] += other[k];
        }
        return sum;
    }

    void record_products(const std::vector<const T*>& left, const std::vector<const T*>& right,
                         double* row) const {
        row_dots(left.data(), right.data(), static_cast<int64_t>(left.size()), 0, job_.parameters,
                 row, job_.members);
    }

    static inline thread_local Workspace member_room, chunk_room;

    const StepsJob<T>& job_;
    std::vector<TermRoom> terms_;
    std::vector<WatchedRoom> watched_;
    bool by_member_ = false;
    int64_t size_ = 0, blocks_ = 0;
    int64_t total_ = 0, update_ = 0, away_ = 0, conditions_ = 0, values_ = 0;
};

}  // namespace pinn
