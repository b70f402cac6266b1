// Whole training steps of a pack, several in one call: points, propagation, losses, gradients,
// Adam, and the numbers that are recorded of every step.
//
// It does with one member after the other what the functions that torch calls do with all of them,
// by the same functions of one row: a training gives the same bits either way. Members know nothing
// of each other, so that one thread takes a member through all steps while its rows are in the
// cache; where threads outnumber members they share the blocks of every step.
#pragma once

#include "rows.hpp"
#include "terms.hpp"

namespace pinn {

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

template <class T>
class Steps {
  public:
    explicit Steps(const StepsJob<T>& job) : job_(job) {
        for (int64_t t = 0; t < job.terms; ++t) blocks_ += job.term[t].plan->blocks;
        for (int64_t w = 0; w < job.watched; ++w) blocks_ += job.watch[w].plan->blocks;
        by_member_ = by_member(job.members, job.threads, blocks_ == job.terms + job.watched);
        for (int64_t t = 0; t < job.terms; ++t)
            terms_.emplace_back(job.term[t], job.parameters, by_member_, layout_);
        for (int64_t w = 0; w < job.watched; ++w) {
            const Plan<T>& plan = *job.watch[w].plan;
            watched_.push_back(
                {layout_.take(plan.points * plan.outputs), layout_.take(plan.packed_size)});
        }
        total_ = layout_.take(job.parameters);
        update_ = layout_.take(job.parameters);
        away_ = layout_.take(job.parameters);
        conditions_ = layout_.take(job.parameters);
        values_ = layout_.take(job.values);
    }

    void run() {
        if (by_member_) {
            each(job_.members, job_.threads, [&](int64_t i) {
                T* room = member_room.room<T>(layout_.size());
                begin(room);
                for (int64_t step = 0; step < job_.steps; ++step) {
                    prepare(i, step, room);
                    for (int64_t b = 0; b < blocks_; ++b) block(i, b, room);
                    finish(i, step, room);
                }
            });
            return;
        }
        T* rooms = member_room.room<T>(layout_.size() * job_.members);
        const auto room = [&](int64_t i) { return rooms + i * layout_.size(); };
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

    void begin(T* room) const {
        for (const TermWork<T>& term : terms_) term.begin(room);
    }

    const T* theta(int64_t i) const { return job_.theta + i * job_.parameters; }

    Passage<T> watched_passage(int64_t w, int64_t i, T* room) const {
        const Watched<T>& watch = job_.watch[w];
        return {*watch.plan, theta(i), watch.points, room + watched_[w].packed};
    }

    // The step's points, and the weights as products read them.
    void prepare(int64_t i, int64_t step, T* room) const {
        for (int64_t t = 0; t < job_.terms; ++t)
            terms_[t].prepare(i, theta(i), rows(t, i, step), room);
        for (int64_t w = 0; w < job_.watched; ++w) watched_passage(w, i, room).pack(true, false);
    }

    const int64_t* rows(int64_t t, int64_t i, int64_t step) const {
        const LossTerm<T>& term = job_.term[t];
        const int64_t n = term.plan->points / term.form->partners;
        return term.rows ? term.rows + (step * job_.members + i) * n : nullptr;
    }

    // One of the blocks of all terms, then of all that is watched.
    void block(int64_t i, int64_t number, T* room) const {
        for (int64_t t = 0; t < job_.terms; number -= terms_[t++].blocks())
            if (number < terms_[t].blocks()) return terms_[t].block(i, theta(i), number, room);
        for (int64_t w = 0; w < job_.watched; number -= job_.watch[w++].plan->blocks)
            if (number < job_.watch[w].plan->blocks)
                return watched_passage(w, i, room)
                    .forward(number, nullptr, room + watched_[w].output);
    }

    // Gradients, the update, the row of the record.
    void finish(int64_t i, int64_t step, T* room) const {
        const int64_t size = job_.parameters, members = job_.members, at = i * size;
        for (const TermWork<T>& term : terms_) term.complete(room);
        double* row = job_.always + step * job_.always_row + i;
        const auto put = [&](double number) {
            *row = number;
            row += members;
        };
        std::vector<const T*> gradients;
        std::vector<T> weights;
        for (int64_t t = 0; t < job_.terms; ++t) {
            put(terms_[t].loss(i, room));
            gradients.push_back(terms_[t].gradient(room));
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

    // The networks' values for the record, side by side.
    const T* gathered_values(T* room) const {
        T *first = room + values_, *to = first;
        for (int64_t s = 0; s < job_.sources; ++s) {
            const int64_t from = job_.source[s];  // a term, or after the terms what is watched
            if (from < job_.terms) {
                to = std::copy_n(terms_[from].values(room), terms_[from].size_of_values(), to);
                continue;
            }
            const Plan<T>& plan = *job_.watch[from - job_.terms].plan;
            const T* values = room + watched_[from - job_.terms].output;
            to = std::copy_n(values, plan.points * plan.outputs, to);
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
        const T* equation = terms_[0].gradient(room);
        const T* conditions = together(room);
        std::vector<const T*> left{equation, conditions, equation};
        std::vector<const T*> right{equation, conditions, conditions};
        if (job_.terms > 2)
            for (int64_t t = 1; t < job_.terms; ++t) {
                left.push_back(terms_[t].gradient(room));
                right.push_back(left.back());
            }
        double* row = job_.gradients + step * job_.gradients_row + i;
        record_products(left, right, row);
        row += static_cast<int64_t>(left.size()) * job_.members;
        *row = terms_[0].loss(i, room);
        for (int64_t d = 0; d < job_.derived; ++d)
            row[(1 + d) * job_.members] = terms_[job_.derive[d]].loss(i, room);
    }

    // The sum of the conditions' gradients.
    const T* together(T* room) const {
        if (job_.terms == 2) return terms_[1].gradient(room);
        T* sum = room + conditions_;
        std::fill_n(sum, job_.parameters, T(0));
        if (job_.terms > 2) std::copy_n(terms_[1].gradient(room), job_.parameters, sum);
        for (int64_t t = 2; t < job_.terms; ++t) {
            const T* other = terms_[t].gradient(room);
            for (int64_t k = 0; k < job_.parameters; ++k) sum[k] += other[k];
        }
        return sum;
    }

    void record_products(const std::vector<const T*>& left, const std::vector<const T*>& right,
                         double* row) const {
        row_dots(left.data(), right.data(), static_cast<int64_t>(left.size()), 0, job_.parameters,
                 row, job_.members);
    }

    static inline thread_local Workspace member_room;

    const StepsJob<T>& job_;
    Layout<T> layout_;
    std::vector<TermWork<T>> terms_;
    std::vector<WatchedRoom> watched_;
    bool by_member_ = false;
    int64_t blocks_ = 0;
    int64_t total_ = 0, update_ = 0, away_ = 0, conditions_ = 0, values_ = 0;
};

}  // namespace pinn
