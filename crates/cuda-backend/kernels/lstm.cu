// The gates of one step of an LSTM layer, forward and backward: everything between two products with the recurrent weight, in one kernel.
// The definition is crates/tensor/src/fused/lstm.rs. A thread has one cell of one sequence. Gates are [B, 4H] in the order i, f, g, o.
//
// The states that go from step to step are in f32 where the elements are short, whatever the sequence is stored in.
#include "common.cuh"
#include "block.cuh"

INLINE float tanh_of(float x) { return tanhf(x); }
INLINE double tanh_of(double x) { return tanh(x); }
// Of a number far from 0 in either direction e^−|x| is small, never infinite.
template <typename W> INLINE W sigmoid(W x) {
  W e = exp_of(-fabs(x)), s = 1 / (1 + e);
  return x < 0 ? e * s : s;
}

// A cell's place in the state and its first gate's in the gates.
#define EACH_CELL                                                                                        \
  EACH(state, cells) {                                                                                   \
    u32 row = (u32)state / h, column = (u32)state - row * h;                                             \
    u64 gate = (u64)row * 4 * h + column;                                                                \
    bool alive = !lengths || lengths[row] > step;
#define END_EACH_CELL }

// `inputs` has the input's share of the sums of this step and may be where the gates go; `recurrent` that of the hidden state. `carried` is c
// before the step and becomes c after it. A row that has ended keeps h and c; its gates are those of whatever it read.
template <typename T>
INLINE void forward(T* gates, T* __restrict__ cell, T* __restrict__ hidden, WIDE(T)* __restrict__ carried, const WIDE(T)* inputs,
                    const WIDE(T)* __restrict__ recurrent, const T* __restrict__ bias, const T* __restrict__ hidden_before,
                    const u32* __restrict__ lengths, u32 step, u32 h, u32 cells) {
  typedef WIDE(T) W;
  EACH_CELL
    W sums[4];
#pragma unroll
    for (int q = 0; q < 4; ++q) sums[q] = inputs[gate + (u64)q * h] + recurrent[gate + (u64)q * h] + wide(bias[column + (u64)q * h]);
    W i = sigmoid(sums[0]), f = sigmoid(sums[1]), g = tanh_of(sums[2]), o = sigmoid(sums[3]);
    W before = carried[state], after = f * before + i * g;
    gates[gate] = narrow<T>(i);
    gates[gate + h] = narrow<T>(f);
    gates[gate + (u64)2 * h] = narrow<T>(g);
    gates[gate + (u64)3 * h] = narrow<T>(o);
    W c = alive ? after : before;
    carried[state] = c;
    cell[state] = narrow<T>(c);
    hidden[state] = alive ? narrow<T>(o * tanh_of(after)) : hidden_before[state];
  END_EACH_CELL
}

// Gradients of the sums before the gates to `deltas`, which may be where the gates are. The gradient of h after this step is what the step after
// it sent back (`product`, null in the last step) with `kept`, what it left alone, and what arrives at the sequence (`arriving`, or null). What
// this step leaves alone, all of it where a row has ended, becomes `kept`. `d_cell` is the gradient of c after the step and becomes that before.
template <typename T>
INLINE void backward(T* deltas, WIDE(T)* __restrict__ kept, WIDE(T)* __restrict__ d_cell, const T* gates,
                     const WIDE(T)* __restrict__ product, const T* __restrict__ arriving, const T* __restrict__ cell,
                     const T* __restrict__ cell_before, const u32* __restrict__ lengths, u32 step, u32 h, u32 cells) {
  typedef WIDE(T) W;
  EACH_CELL
    W d_hidden = kept[state];
    if (product) d_hidden = d_hidden + product[state];
    if (arriving) d_hidden = d_hidden + wide(arriving[state]);
    kept[state] = alive ? 0 : d_hidden;
    W d_i = 0, d_f = 0, d_g = 0, d_o = 0;
    if (alive) {
      W i = wide(gates[gate]), f = wide(gates[gate + h]), g = wide(gates[gate + (u64)2 * h]), o = wide(gates[gate + (u64)3 * h]);
      W squashed = tanh_of(wide(cell[state])), here = d_cell[state] + d_hidden * o * (1 - squashed * squashed);
      d_i = here * g * i * (1 - i);
      d_f = here * wide(cell_before[state]) * f * (1 - f);
      d_g = here * i * (1 - g * g);
      d_o = d_hidden * squashed * o * (1 - o);
      d_cell[state] = here * f;
    }
    deltas[gate] = narrow<T>(d_i);
    deltas[gate + h] = narrow<T>(d_f);
    deltas[gate + (u64)2 * h] = narrow<T>(d_g);
    deltas[gate + (u64)3 * h] = narrow<T>(d_o);
  END_EACH_CELL
}

#define LSTM(NAME, T)                                                                                                                  \
  KERNEL lstm_forward_##NAME(T* gates, T* cell, T* hidden, Wide<T>::type* carried, const Wide<T>::type* inputs,                        \
                             const Wide<T>::type* recurrent, const T* bias, const T* hidden_before, const u32* lengths, u32 step,      \
                             u32 h, u32 cells) {                                                                                       \
    forward<T>(gates, cell, hidden, carried, inputs, recurrent, bias, hidden_before, lengths, step, h, cells);                         \
  }                                                                                                                                    \
  KERNEL lstm_backward_##NAME(T* deltas, Wide<T>::type* kept, Wide<T>::type* d_cell, const T* gates, const Wide<T>::type* product,     \
                              const T* arriving, const T* cell, const T* cell_before, const u32* lengths, u32 step, u32 h,             \
                              u32 cells) {                                                                                             \
    backward<T>(deltas, kept, d_cell, gates, product, arriving, cell, cell_before, lengths, step, h, cells);                           \
  }
FOR_FLOATS(LSTM)
