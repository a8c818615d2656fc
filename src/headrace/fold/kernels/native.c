/* Kernels in C: counting, hashing and exact sums, for columns that NumPy walks over too often.

   Plain functions over buffers that the caller owns, called through ctypes, which drops the interpreter's lock. Each
   has a twin in NumPy (entries.py, powers.py, ordered_keys.py, hyperloglog.py) that gives the same states; tests hold
   them to it. No globals: any number of threads may be in here. `valid` is an Arrow bitmap or NULL, and row i is bit
   `offset + i`; values of rows that are not valid are never looked at, nor trusted to be in any range. */

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#if defined(_WIN32)
#define API __declspec(dllexport)
#else
#define API __attribute__((visibility("default")))
#endif

typedef unsigned __int128 u128;

/* Goes up with every change that a caller must know of: a library of another version is not used. */
API int64_t hr_version(void) { return 4; }

static inline int is_valid(const uint8_t *valid, int64_t bit) { return (valid[bit >> 3] >> (bit & 7)) & 1; }

static inline uint64_t bits_of(double value) {
  uint64_t bits;
  memcpy(&bits, &value, 8);
  return bits;
}

/* Counting integers in a window: table[x - base]; what lies outside is put aside. */

#define COUNT_ONE(x)                                             \
  do {                                                           \
    uint64_t place = (uint64_t)(int64_t)(x) - (uint64_t)base;    \
    if (place < (uint64_t)size) table[place]++;                  \
    else outside[num_outside++] = (int64_t)(x);                  \
  } while (0)

#define DEFINE_COUNT_WINDOW(NAME, TYPE)                                                                            \
  API int64_t NAME(const TYPE *values, const uint8_t *valid, int64_t offset, int64_t num_rows, int64_t base,       \
                   int64_t size, int64_t *table, int64_t *outside) {                                               \
    int64_t num_outside = 0, row = 0;                                                                              \
    for (; row + 8 <= num_rows; row += 8) {                                                                        \
      unsigned mask = 0xff;                                                                                        \
      if (valid) {                                                                                                 \
        int64_t bit = offset + row;                                                                                \
        mask = valid[bit >> 3] >> (bit & 7);                                                                       \
        if (bit & 7) mask |= (unsigned)valid[(bit >> 3) + 1] << (8 - (bit & 7));                                   \
        mask &= 0xff;                                                                                              \
      }                                                                                                            \
      if (mask == 0xff) {                                                                                          \
        for (int i = 0; i < 8; i++) COUNT_ONE(values[row + i]);                                                    \
      } else {                                                                                                     \
        for (int i = 0; i < 8; i++)                                                                                \
          if ((mask >> i) & 1) COUNT_ONE(values[row + i]);                                                         \
      }                                                                                                            \
    }                                                                                                              \
    for (; row < num_rows; row++)                                                                                  \
      if (!valid || is_valid(valid, offset + row)) COUNT_ONE(values[row]);                                         \
    return num_outside;                                                                                            \
  }

DEFINE_COUNT_WINDOW(hr_count_window_i8, int8_t)
DEFINE_COUNT_WINDOW(hr_count_window_i16, int16_t)
DEFINE_COUNT_WINDOW(hr_count_window_i32, int32_t)
DEFINE_COUNT_WINDOW(hr_count_window_i64, int64_t)

/* Counting 64-bit keys in an open hash table of (key, count) pairs, side by side so that a look-up is one cache line;
   a count of 0 is a free slot. */

static inline uint64_t mix(uint64_t x) {
  x ^= x >> 30;
  x *= 0xBF58476D1CE4E5B9ull;
  x ^= x >> 27;
  x *= 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

/* Multiplication spreads upwards only: the upper half, a group's number, is folded in first. */
static inline uint64_t slot_of(uint64_t key, uint64_t mask) {
  return (key ^ key >> 32) * 0x9E3779B97F4A7C15ull >> 32 & mask;
}

static inline void put(uint64_t key, uint64_t count, uint64_t *slots, uint64_t mask, int64_t *size) {
  uint64_t slot = slot_of(key, mask);
  while (slots[2 * slot + 1] && slots[2 * slot] != key) slot = (slot + 1) & mask;
  *size += slots[2 * slot + 1] == 0;
  slots[2 * slot] = key;
  slots[2 * slot + 1] += count;
}

/* Returns how many keys were taken: it stops when `capacity` keys are in the table, which must be less than its slots.
   Runs of equals cost one look-up, and those to come are fetched ahead: a large table is not in the cache. */
#define AHEAD 12
API int64_t hr_count_keys(const uint64_t *values, int64_t num_values, uint64_t *slots, int64_t num_slots,
                          int64_t capacity, int64_t *size) {
  uint64_t mask = (uint64_t)num_slots - 1;
  int64_t row = 0;
  while (row < num_values) {
    if (*size >= capacity) return row;
    uint64_t key = values[row];
    int64_t end = row + 1;
    if (row + AHEAD < num_values) __builtin_prefetch(&slots[2 * slot_of(values[row + AHEAD], mask)], 1);
    while (end < num_values && values[end] == key) end++;
    put(key, (uint64_t)(end - row), slots, mask, size);
    row = end;
  }
  return num_values;
}

/* Moves a table into a larger one, which must be all zero. */
API void hr_move_keys(const uint64_t *slots, int64_t num_slots, uint64_t *larger, int64_t num_larger) {
  int64_t size = 0;
  for (int64_t slot = 0; slot < num_slots; slot++)
    if (slots[2 * slot + 1]) put(slots[2 * slot], slots[2 * slot + 1], larger, (uint64_t)num_larger - 1, &size);
}

/* Keys of (group, 32-bit value) pairs; returns how many, or -1 when a valid value does not fit 32 bits. */

#define DEFINE_PAIR_KEYS(NAME, TYPE)                                                                              \
  API int64_t NAME(const TYPE *values, const uint8_t *valid, int64_t offset, int64_t num_rows,                    \
                   const int32_t *groups, uint64_t *keys) {                                                       \
    int64_t num_keys = 0;                                                                                         \
    for (int64_t row = 0; row < num_rows; row++) {                                                                \
      if (valid && !is_valid(valid, offset + row)) continue;                                                      \
      int64_t value = values[row];                                                                                \
      if (value != (int32_t)value) return -1;                                                                     \
      keys[num_keys++] = (uint64_t)(uint32_t)groups[row] << 32 | (uint32_t)((uint32_t)value ^ 0x80000000u);       \
    }                                                                                                             \
    return num_keys;                                                                                              \
  }

DEFINE_PAIR_KEYS(hr_pair_keys_i32, int32_t)
DEFINE_PAIR_KEYS(hr_pair_keys_i64, int64_t)

/* The valid, finite values; -0.0 becomes 0.0. apart[] += NaN, -inf, +inf. */
API int64_t hr_keep_f64(const double *values, const uint8_t *valid, int64_t offset, int64_t num_rows, double *kept,
                        int64_t *apart) {
  int64_t num_kept = 0;
  for (int64_t row = 0; row < num_rows; row++) {
    if (valid && !is_valid(valid, offset + row)) continue;
    uint64_t bits = bits_of(values[row]);
    if ((bits >> 52 & 0x7ff) == 0x7ff) {
      apart[bits << 12 ? 0 : bits >> 63 ? 1 : 2]++;
      continue;
    }
    kept[num_kept++] = values[row] + 0.0;
  }
  return num_kept;
}

API int64_t hr_keep_i64(const int64_t *values, const uint8_t *valid, int64_t offset, int64_t num_rows, int64_t *kept) {
  int64_t num_kept = 0;
  for (int64_t row = 0; row < num_rows; row++) {
    kept[num_kept] = values[row];
    num_kept += is_valid(valid, offset + row);
  }
  return num_kept;
}

/* Cells of the ordered-key grid (ordered_keys.py), counted in table[cell - base]. */
API void hr_count_cells(const double *values, int64_t num_values, int64_t shift, int64_t floor, int64_t base,
                        int64_t size, int64_t *table) {
  for (int64_t i = 0; i < num_values; i++) {
    int64_t bits = (int64_t)bits_of(values[i]);
    int64_t cell = ((bits & INT64_MAX) >> shift) - (floor - 1);
    cell = cell < 0 ? 0 : cell;
    int64_t sign = bits >> 63;
    uint64_t place = (uint64_t)((cell ^ sign) - sign - base);
    if (place < (uint64_t)size) table[place]++; /* always, by how base and size are made; never trusted */
  }
}

/* HyperLogLog, 2^14 registers, over the hash of kernels/hashing.py. */
API void hr_hyperloglog(const uint64_t *words, int64_t num_words, uint8_t *registers) {
  for (int64_t i = 0; i < num_words; i++) {
    uint64_t hash = mix(words[i] + 0x9E3779B97F4A7C15ull);
    uint64_t rest = hash << 14;
    uint8_t rank = rest ? (uint8_t)(__builtin_clzll(rest) + 1) : 51;
    uint64_t place = hash >> 50;
    if (rank > registers[place]) registers[place] = rank;
  }
}

/* Exact sums of m, m^2, m^3, m^4 in two's complement words of 64 bits: 2, 3, 4 and 5 of them. */

#define SUM_WORDS 15 /* the last one counts */

/* The processor's own carry chain: what compilers make of portable code takes twice the time. */
#if defined(__x86_64__)
typedef unsigned char carry_t;
#define ADD_CARRY(carry, a, b, out) _addcarry_u64(carry, a, b, (unsigned long long *)(out))
#else
typedef unsigned carry_t;
static inline carry_t ADD_CARRY(carry_t carry, uint64_t a, uint64_t b, uint64_t *out) {
  u128 total = (u128)a + b + carry;
  *out = (uint64_t)total;
  return (carry_t)(total >> 64);
}
#endif

/* sum += term, or sum -= term where sign is all ones: without a branch, which random signs would mispredict. */
static inline __attribute__((always_inline)) void add_words(uint64_t *sum, const uint64_t *term, int num_words,
                                                            uint64_t sign) {
  carry_t carry = sign & 1;
#pragma GCC unroll 5
  for (int i = 0; i < num_words; i++) carry = ADD_CARRY(carry, sum[i], term[i] ^ sign, &sum[i]);
}

static inline void multiply_words(uint64_t *term, int num_words, uint64_t by) {
  uint64_t over = 0;
  for (int i = 0; i < num_words; i++) {
    u128 product = (u128)term[i] * by + over;
    term[i] = (uint64_t)product;
    over = (uint64_t)(product >> 64);
  }
  term[num_words] = over;
}

static inline void add_powers(uint64_t *sums, uint64_t m, uint64_t count, uint64_t sign) {
  u128 square = (u128)m * m;
  uint64_t first[2] = {m, 0}, second[3] = {(uint64_t)square, (uint64_t)(square >> 64), 0};
  u128 low = (u128)second[0] * m, high = (u128)second[1] * m + (uint64_t)(low >> 64);
  uint64_t third[4] = {(uint64_t)low, (uint64_t)high, (uint64_t)(high >> 64), 0};
  u128 a = (u128)second[0] * second[0], b = (u128)second[0] * second[1], c = (u128)second[1] * second[1];
  u128 middle = (a >> 64) + (uint64_t)b + (uint64_t)b;
  u128 upper = (middle >> 64) + (b >> 64) + (b >> 64) + (uint64_t)c;
  uint64_t fourth[5] = {(uint64_t)a, (uint64_t)middle, (uint64_t)upper, (uint64_t)((upper >> 64) + (c >> 64)), 0};
  if (count != 1) {
    multiply_words(first, 1, count);
    multiply_words(second, 2, count);
    multiply_words(third, 3, count);
    multiply_words(fourth, 4, count);
  }
  add_words(sums, first, 2, sign);
  add_words(sums + 2, second, 3, 0);
  add_words(sums + 5, third, 4, sign);
  add_words(sums + 9, fourth, 5, 0);
  sums[14]++;
}

/* Each value counts[i] times, or once where counts is NULL. sums[place][15], place 1 .. 2046: the biased exponent, under
   which values are m * 2^(place - 1075). */
API void hr_power_sums_f64(const double *values, const int64_t *counts, int64_t num_values, uint64_t *sums) {
  for (int64_t i = 0; i < num_values; i++) {
    uint64_t bits = bits_of(values[i]);
    uint64_t place = bits >> 52 & 0x7ff, m = bits & 0xfffffffffffffull;
    if (place) m |= 1ull << 52;
    else place = 1;
    if (m) add_powers(sums + place * SUM_WORDS, m, counts ? (uint64_t)counts[i] : 1, (uint64_t)((int64_t)bits >> 63));
  }
}

/* The same for integers, all in sums[15]. */
API void hr_power_sums_i64(const int64_t *values, const int64_t *counts, int64_t num_values, uint64_t *sums) {
  for (int64_t i = 0; i < num_values; i++) {
    int64_t value = values[i];
    uint64_t m = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    if (m) add_powers(sums, m, counts ? (uint64_t)counts[i] : 1, (uint64_t)(value >> 63));
  }
}
