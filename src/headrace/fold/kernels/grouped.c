/* Counting values group by group: rows are put in order of their groups once a batch, for all columns, and each group has
   a small hash table of its own, which is in the cache while its rows are counted.

   A part of the library of native.c, whose rules hold here too; the twin is entries.py. Tables lie in one array of slots
   that the caller owns and makes larger when asked: a slot is a value in the upper 32 bits and its count in the lower
   ones, 0 where it is free. */

#include <stdint.h>
#include <stdlib.h>

#if defined(_WIN32)
#define API __declspec(dllexport)
#else
#define API __attribute__((visibility("default")))
#endif

#define FEWEST_BITS 2

typedef struct {
  int64_t at;   /* the table's first slot */
  int32_t bits; /* it has 2^bits of them, or none where this is 0 */
  int32_t used;
} region;

static inline int is_valid(const uint8_t *valid, int64_t bit) { return (valid[bit >> 3] >> (bit & 7)) & 1; }

/* Rows in order of their groups, the order kept within a group; `counts` holds num_groups zeros and gets each group's
   rows. `places` is for the kernel alone. */
API void hr_order_groups(const int32_t *groups, int64_t num_rows, int64_t num_groups, int64_t *counts, int64_t *places,
                         int32_t *order, int32_t *ordered) {
  for (int64_t row = 0; row < num_rows; row++) counts[groups[row]]++;
  int64_t total = 0;
  for (int64_t group = 0; group < num_groups; group++) {
    places[group] = total;
    total += counts[group];
  }
  for (int64_t row = 0; row < num_rows; row++) {
    int64_t place = places[groups[row]]++;
    order[place] = (int32_t)row;
    ordered[place] = groups[row];
  }
}

static inline uint64_t *slot_for(uint64_t *table, int32_t bits, uint32_t value) {
  uint32_t mask = ((uint32_t)1 << bits) - 1, slot = (value * 0x9E3779B1u) >> (32 - bits);
  while (table[slot] && (uint32_t)(table[slot] >> 32) != value) slot = (slot + 1) & mask;
  return table + slot;
}

/* A table twice as large at the end of what is in use; 0 where there is no room. */
static int enlarge(region *of, uint64_t *slots, int64_t num_slots, int64_t *num_used) {
  int32_t bits = of->bits ? of->bits + 1 : FEWEST_BITS;
  int64_t size = (int64_t)1 << bits;
  if (*num_used + size > num_slots) return 0;
  uint64_t *table = slots + *num_used;
  if (of->bits)
    for (int64_t i = of->at; i < of->at + ((int64_t)1 << of->bits); i++)
      if ((uint32_t)slots[i]) *slot_for(table, bits, (uint32_t)(slots[i] >> 32)) = slots[i];
  of->at = *num_used;
  of->bits = bits;
  *num_used += size;
  return 1;
}

/* Counts the valid rows from place `start` of the order on; returns the place at which it stopped, before the end only
   where slots ran out. Rows whose values are no 32-bit integers are put aside. Slots in use, then rows put aside, are
   state[0] and state[1]. A table is never more than half full: a first look nearly always finds. */
#define DEFINE_COUNT_GROUPED(NAME, TYPE)                                                                          \
  API int64_t NAME(const TYPE *values, const uint8_t *valid, int64_t offset, int64_t num_rows,                    \
                   const int32_t *order, const int32_t *ordered, int64_t start, region *regions, uint64_t *slots, \
                   int64_t num_slots, int64_t *aside, int64_t *state) {                                           \
    int64_t place = start;                                                                                        \
    while (place < num_rows) {                                                                                    \
      int32_t group = ordered[place];                                                                             \
      region *of = regions + group;                                                                               \
      if (2 * (int64_t)of->used >= (of->bits ? (int64_t)1 << of->bits : 0))                                       \
        if (!enlarge(of, slots, num_slots, state)) return place;                                                  \
      uint64_t *table = slots + of->at;                                                                           \
      int32_t bits = of->bits;                                                                                    \
      int64_t room = ((int64_t)1 << (bits - 1)) - of->used;                                                       \
      do {                                                                                                        \
        int64_t row = order[place], value = values[row];                                                          \
        if (valid && !is_valid(valid, offset + row)) continue;                                                    \
        if (value != (int32_t)value) {                                                                            \
          aside[state[1]++] = row;                                                                                \
          continue;                                                                                               \
        }                                                                                                         \
        uint64_t *slot = slot_for(table, bits, (uint32_t)value), held = *slot;                                    \
        *slot = held ? held + 1 : ((uint64_t)(uint32_t)value << 32) + 1;                                          \
        if (!held && !--room) {                                                                                   \
          place++;                                                                                                \
          break;                                                                                                  \
        }                                                                                                         \
      } while (++place < num_rows && ordered[place] == group);                                                    \
      of->used = (int32_t)(((int64_t)1 << (bits - 1)) - room);                                                    \
    }                                                                                                             \
    return num_rows;                                                                                              \
  }

DEFINE_COUNT_GROUPED(hr_count_grouped_i8, int8_t)
DEFINE_COUNT_GROUPED(hr_count_grouped_i16, int16_t)
DEFINE_COUNT_GROUPED(hr_count_grouped_i32, int32_t)
DEFINE_COUNT_GROUPED(hr_count_grouped_i64, int64_t)

/* Slots that the tables take, and, where `larger` is not NULL, the tables moved there one after the other. */
API int64_t hr_move_grouped(region *regions, int64_t num_groups, const uint64_t *slots, uint64_t *larger) {
  int64_t total = 0;
  for (int64_t group = 0; group < num_groups; group++) {
    region *of = regions + group;
    if (!of->bits) continue;
    int64_t size = (int64_t)1 << of->bits;
    if (larger) {
      for (int64_t i = 0; i < size; i++) larger[total + i] = slots[of->at + i];
      of->at = total;
    }
    total += size;
  }
  return total;
}

static int by_value(const void *left, const void *right) {
  int32_t a = (int32_t)(*(const uint64_t *)left >> 32), b = (int32_t)(*(const uint64_t *)right >> 32);
  return (a > b) - (a < b);
}

/* Every entry in order of group and value; as many as the groups' `used` say. `scratch` has room for the largest group.
 */
API void hr_take_grouped(const region *regions, int64_t num_groups, const uint64_t *slots, uint64_t *scratch,
                         int32_t *groups, int64_t *values, int64_t *counts) {
  int64_t total = 0;
  for (int64_t group = 0; group < num_groups; group++) {
    const region *of = regions + group;
    if (!of->used) continue;
    int64_t number = 0;
    for (int64_t i = of->at; i < of->at + ((int64_t)1 << of->bits); i++)
      if ((uint32_t)slots[i]) scratch[number++] = slots[i];
    qsort(scratch, (size_t)number, sizeof *scratch, by_value);
    for (int64_t i = 0; i < number; i++) {
      groups[total] = (int32_t)group;
      values[total] = (int32_t)(scratch[i] >> 32);
      counts[total++] = (int64_t)(uint32_t)scratch[i];
    }
  }
}
