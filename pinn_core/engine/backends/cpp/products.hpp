// Matrix products on panels: [panel][row][panel_width], the layout of every channel table here.
//
// A tile of some rows and one panel stays in registers while the sum runs. Of a layer's last panel
// only the vectors that have columns are read and written: a width of 80 costs 80 columns where
// vectors have 16, not 96. The sum of each element runs in order, so its bits depend on nothing but
// its own row, column and length.
#pragma once

#include <algorithm>

#include "lanes.hpp"

namespace pinn {

// Rows of a tile of so many vectors: enough sums at a time that no addition waits for another, and
// no more than registers hold.
constexpr int tile_rows(int vectors) { return std::min(12, 6 * vectors_per_panel / vectors); }

template <class T, int Rows, int V>
class Tile {
  public:
    explicit Tile(const T* initial) {
        each([&](int r, int v) { sum_[r][v] = initial ? load(initial + at(v)) : Vector<T>{}; });
    }

    // Adds the outer product of left[r * stride] and the panel row at ``right``.
    void add(const T* left, int64_t stride, const T* right) {
        Vector<T> row[V];
        unrolled<V>([&](int v) { row[v] = load(right + at(v)); });
        unrolled<Rows>([&](int r) {
            const Vector<T> factor = broadcast(left[r * stride]);
            unrolled<V>([&](int v) { sum_[r][v] += factor * row[v]; });
        });
    }

    void store_rows(T* to) const {
        each([&](int r, int v) { store(to + r * panel_width<T> + at(v), sum_[r][v]); });
    }

    // Adds the tile to rows of a table that is neither aligned nor padded.
    void add_to(T* to, int64_t step, int columns) const {
        if (columns == V * lanes<T>) {
            each([&](int r, int v) {
                Vector<T> old;
                std::memcpy(&old, to + r * step + at(v), sizeof old);
                old += sum_[r][v];
                std::memcpy(to + r * step + at(v), &old, sizeof old);
            });
        } else {
            alignas(64) T rows[Rows * panel_width<T>];
            store_rows(rows);
            for (int r = 0; r < Rows; ++r)
                for (int c = 0; c < columns; ++c) to[r * step + c] += rows[r * panel_width<T> + c];
        }
    }

  private:
    static constexpr int at(int v) { return v * lanes<T>; }

    template <class Body>
    static void each(const Body& body) {
        unrolled<Rows>([&](int r) { unrolled<V>([&](int v) { body(r, v); }); });
    }

    Vector<T> sum_[Rows][V];
};

// result[r] = initial + sum_k left[r][k] right[k] for Rows rows; left panels lie panel_step apart.
template <class T, int Rows, int V>
[[gnu::flatten]] void product_tile(const T* left, int64_t panel_step, const T* right, int64_t terms,
                  const T* initial, T* result) {
    constexpr int width = panel_width<T>;
    Tile<T, Rows, V> tile(initial);
    for (; terms > 0; terms -= width, left += panel_step) {
        const int here = static_cast<int>(std::min<int64_t>(terms, width));
        for (int k = 0; k < here; ++k, right += width) tile.add(left + k, width, right);
    }
    tile.store_rows(result);
}

// table[r][c] += sum_p left[p][r] right[p][c] for Rows columns of left and ``columns`` of right.
template <class T, int Rows, int V>
[[gnu::flatten]] void outer_tile(const T* left, const T* right, int64_t points, int columns, T* table,
                int64_t table_step) {
    constexpr int width = panel_width<T>;
    Tile<T, Rows, V> tile(nullptr);
    for (int64_t p = 0; p < points; ++p) tile.add(left + p * width, 1, right + p * width);
    tile.add_to(table, table_step, columns);
}

// Calls tile(rows, first) for rows split as evenly as tiles of at most ``most`` allow.
template <class Do>
inline void in_tiles(int64_t rows, int most, const Do& tile) {
    const int64_t tiles = (rows + most - 1) / most;
    for (int64_t i = 0; i < tiles; ++i) {
        const int64_t first = rows * i / tiles, next = rows * (i + 1) / tiles;
        tile(static_cast<int>(next - first), first);
    }
}

template <class T>
using ProductTile = void (*)(const T*, int64_t, const T*, int64_t, const T*, T*);
template <class T>
using OuterTile = void (*)(const T*, const T*, int64_t, int, T*, int64_t);

// The tiles of V vectors, by their rows less one.
template <class T, int V, class Rows = std::make_integer_sequence<int, tile_rows(V)>>
struct Tiles;

template <class T, int V, int... R>
struct Tiles<T, V, std::integer_sequence<int, R...>> {
    static constexpr ProductTile<T> product[] = {product_tile<T, R + 1, V>...};
    static constexpr OuterTile<T> outer[] = {outer_tile<T, R + 1, V>...};
};

// Rows of a table in panels: where the first lies and how far apart the panels are.
template <class T>
struct Table {
    T* at;
    int64_t panel_step;
};

template <class T>
inline int64_t panels(int64_t columns) {
    return (columns + panel_width<T> - 1) / panel_width<T>;
}

// result = initial + left right for ``rows`` rows; right is packed, [panel][term][column].
template <class T>
void product(Table<const T> left, const T* right, int64_t rows, int64_t terms, int64_t columns,
             const T* initial, Table<T> result) {
    constexpr int width = panel_width<T>;
    for (int64_t q = 0; q < panels<T>(columns); ++q, right += terms * width) {
        const T* start = initial ? initial + q * width : nullptr;
        T* out = result.at + q * result.panel_step;
        with_vectors(useful_vectors<T>(columns - q * width), [&](auto vectors) {
            constexpr int V = vectors;
            in_tiles(rows, tile_rows(V), [&](int count, int64_t first) {
                Tiles<T, V>::product[count - 1](left.at + first * width, left.panel_step, right,
                                                terms, start, out + first * width);
            });
        });
    }
}

// table (left columns x right columns, row by row) += left^T right over ``points`` rows.
template <class T>
void outer_product(Table<const T> left, Table<const T> right, int64_t points, int64_t rows,
                   int64_t columns, T* table) {
    constexpr int width = panel_width<T>;
    for (int64_t q = 0; q < panels<T>(columns); ++q) {
        const T* factor = right.at + q * right.panel_step;
        const int here = static_cast<int>(std::min<int64_t>(columns - q * width, width));
        with_vectors(useful_vectors<T>(here), [&](auto vectors) {
            constexpr int V = vectors;
            for (int64_t panel = 0; panel * width < rows; ++panel) {
                const T* own = left.at + panel * left.panel_step;
                T* part = table + panel * width * columns + q * width;
                const int64_t mine = std::min<int64_t>(rows - panel * width, width);
                in_tiles(mine, tile_rows(V), [&](int count, int64_t first) {
                    Tiles<T, V>::outer[count - 1](own + first, factor, points, here,
                                                  part + first * columns, columns);
                });
            }
        });
    }
}

}  // namespace pinn
