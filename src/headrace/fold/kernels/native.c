/* Kernels in C: counting, for columns that NumPy walks over too often; sketch.c and powers.c have the others.

   Plain functions over buffers that the caller owns, called through ctypes, which drops the interpreter's lock. Each
   has a twin in NumPy (here entries.py) that gives the same states; tests hold them to it. No globals: any number of
   threads may be in here. `valid` is an Arrow bitmap or NULL, and row i is bit `offset + i`; values of rows that are
   not valid decide nothing, and are not trusted to be in any range. */

#include <stdint.h>
#include <string.h>

#if defined(_WIN32)
#define API __declspec(dllexport)
#else
#define API __attribute__((visibility("default")))
#endif

/* Goes up with every change that a caller must know of: a library of another version is not used. */
API int64_t hr_version(void) { return 9; }

static inline int is_valid(const uint8_t *valid, int64_t bit) { return (valid[bit >> 3] >> (bit & 7)) & 1; }

/* Counting integers in a window: table[x - base]; what lies outside is put aside. */

#define COUNT_ONE(x, OF)                                         \
  do {                                                           \
    uint64_t place = OF((uint64_t)(int64_t)(x) - (uint64_t)base); \
    if (place < (uint64_t)size) table[place]++;                  \
    else outside[num_outside++] = (int64_t)(x);                  \
  } while (0)

#define DEFINE_COUNT(NAME, TYPE, OF, ...)                                                                          \
  API int64_t NAME(const TYPE *values, const uint8_t *valid, int64_t offset, int64_t num_rows, int64_t base,       \
                   int64_t size, int64_t *table, int64_t *outside __VA_ARGS__) {                                   \
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
        for (int i = 0; i < 8; i++) COUNT_ONE(values[row + i], OF);                                                \
      } else {                                                                                                     \
        for (int i = 0; i < 8; i++)                                                                                \
          if ((mask >> i) & 1) COUNT_ONE(values[row + i], OF);                                                     \
      }                                                                                                            \
    }                                                                                                              \
    for (; row < num_rows; row++)                                                                                  \
      if (!valid || is_valid(valid, offset + row)) COUNT_ONE(values[row], OF);                                     \
    return num_outside;                                                                                            \
  }

#define ITSELF(distance) (distance)
#define DEFINE_COUNT_WINDOW(NAME, TYPE) DEFINE_COUNT(NAME, TYPE, ITSELF, )

DEFINE_COUNT_WINDOW(hr_count_window_i8, int8_t)
DEFINE_COUNT_WINDOW(hr_count_window_i16, int16_t)
DEFINE_COUNT_WINDOW(hr_count_window_i32, int32_t)
DEFINE_COUNT_WINDOW(hr_count_window_i64, int64_t)

/* The same for multiples of a step from the base: table[(x - base) / step]. The step is an odd number times 2^shift;
   `inverse` is the odd number's modulo 2^64, with which a multiple is divided exactly. What is no multiple has low bits
   left, which turning moves to the top, or is no multiple of the odd number and lands far away: outside. */

static inline uint64_t turned(uint64_t value, int64_t shift) { return value >> shift | value << ((64 - shift) & 63); }

#define STEPS(distance) turned((distance) * inverse, shift)
DEFINE_COUNT(hr_count_steps_i64, int64_t, STEPS, , uint64_t inverse, int64_t shift)

/* Counting 64-bit keys in an open hash table of (key, count) pairs, side by side so that a look-up is one cache line;
   a count of 0 is a free slot. */

/* Multiplication spreads upwards only: the upper half is folded in first. */
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
