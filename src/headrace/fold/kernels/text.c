/* Texts: their hashes, their patterns and their lengths, one after the other.

   A part of the library of native.c, whose rules hold here too. Text i lies in data[offsets[i]] .. data[offsets[i + 1]],
   which nothing reads beyond. The twins are hashing.py, text_patterns.py and text_sketch.py. */

#include <stdint.h>
#include <string.h>

#if defined(_WIN32)
#define API __declspec(dllexport)
#else
#define API __attribute__((visibility("default")))
#endif

#define GOLDEN 0x9E3779B97F4A7C15ull

static inline uint64_t mix(uint64_t x) {
  x ^= x >> 30;
  x *= 0xBF58476D1CE4E5B9ull;
  x ^= x >> 27;
  x *= 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

static inline uint64_t eight_at(const uint8_t *data) {
  uint64_t word;
  memcpy(&word, data, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  word = __builtin_bswap64(word);
#endif
  return word;
}

/* The eight bytes at a place of a text, or what is left of it: read with what is before, where there is as much. */
static inline uint64_t word_at(const uint8_t *text, int64_t at, int64_t size) {
  if (size - at >= 8) return eight_at(text + at);
  if (size >= 8) return eight_at(text + size - 8) >> 8 * (8 - (size - at));
  uint64_t word = 0;
  for (int64_t i = size - 1; i >= at; i--) word = word << 8 | text[i];
  return word;
}

/* The hash of each text; those longer than `longest` are left to the caller, who is told how many there are. */
API int64_t hr_hash_texts(const int64_t *offsets, const uint8_t *data, int64_t num_texts, int64_t longest,
                          uint64_t *hashes) {
  int64_t num_long = 0;
  for (int64_t i = 0; i < num_texts; i++) {
    const uint8_t *text = data + offsets[i];
    int64_t size = offsets[i + 1] - offsets[i];
    uint64_t hash = mix((uint64_t)size + GOLDEN);
    if (size > longest) num_long++;
    else
      for (int64_t at = 0; at < size; at += 8) hash = mix(mix(hash + GOLDEN) ^ word_at(text, at, size));
    hashes[i] = hash;
  }
  return num_long;
}

/* The same for a table that does not outlive the call, where reading on is allowed up to `rest` bytes. */
static inline uint64_t quick_hash(const uint8_t *text, int64_t size, int64_t rest) {
  uint64_t hash = (uint64_t)size * GOLDEN;
  int64_t at = 0;
  for (; size - at >= 8; at += 8) hash = ((hash ^ eight_at(text + at)) * 0xBF58476D1CE4E5B9ull) ^ hash >> 29;
  if (size > at) {
    uint64_t word = rest - at >= 8 ? eight_at(text + at) & ~(~0ull << 8 * (size - at)) : word_at(text, at, size);
    hash = (hash ^ word) * 0xBF58476D1CE4E5B9ull;
  }
  return hash ^ hash >> 32;
}

/* The code of each text from row `row` on: its place among the distinct ones, in the order in which they came; of one
   that is not valid, -1. `slots` (a power of two, -1 where free) and `hashes` are the table, `firsts` the row in which
   each distinct text came first, `state` how many there are. Returns the row it stopped at: where one more distinct
   text would not fit half of the slots, or the end. */
#define DEFINE_ENCODE_TEXTS(NAME, OFFSET)                                                                          \
  API int64_t NAME(const OFFSET *offsets, const uint8_t *data, const uint8_t *valid, int64_t offset, int64_t row, \
                   int64_t num_texts, int32_t *slots, int64_t num_slots, uint64_t *hashes, int64_t *firsts,       \
                   int64_t *state, int32_t *codes) {                                                               \
    uint64_t mask = (uint64_t)num_slots - 1;                                                                       \
    int64_t found = *state, end = offsets[num_texts];                                                              \
    for (; row < num_texts; row++) {                                                                               \
      if (valid && !((valid[(offset + row) >> 3] >> ((offset + row) & 7)) & 1)) {                                  \
        codes[row] = -1;                                                                                           \
        continue;                                                                                                  \
      }                                                                                                            \
      const uint8_t *text = data + offsets[row];                                                                   \
      int64_t size = offsets[row + 1] - offsets[row];                                                              \
      uint64_t hash = quick_hash(text, size, end - offsets[row]), slot = hash & mask;                              \
      int32_t code;                                                                                                \
      while ((code = slots[slot]) >= 0) {                                                                          \
        int64_t first = firsts[code];                                                                              \
        if (hashes[code] == hash && offsets[first + 1] - offsets[first] == size &&                                 \
            memcmp(data + offsets[first], text, (size_t)size) == 0)                                                \
          break;                                                                                                   \
        slot = (slot + 1) & mask;                                                                                  \
      }                                                                                                            \
      if (code < 0) {                                                                                              \
        if (2 * found >= num_slots) break;                                                                         \
        code = (int32_t)found;                                                                                     \
        slots[slot] = code;                                                                                        \
        hashes[found] = hash;                                                                                      \
        firsts[found++] = row;                                                                                     \
      }                                                                                                            \
      codes[row] = code;                                                                                           \
    }                                                                                                              \
    *state = found;                                                                                                \
    return row;                                                                                                    \
  }

DEFINE_ENCODE_TEXTS(hr_encode_texts_i32, int32_t)
DEFINE_ENCODE_TEXTS(hr_encode_texts_i64, int64_t)

/* Fills a larger table with what a smaller one held. */
API void hr_encode_again(const uint64_t *hashes, int64_t found, int32_t *slots, int64_t num_slots) {
  uint64_t mask = (uint64_t)num_slots - 1;
  for (int64_t code = 0; code < found; code++) {
    uint64_t slot = hashes[code] & mask;
    while (slots[slot] >= 0) slot = (slot + 1) & mask;
    slots[slot] = (int32_t)code;
  }
}

/* The pattern of each text, of its first `longest` bytes: bytes as `classes` has them, those in the middle of a
   character dropped. `patterns` has room for as many bytes as are looked at; ends[0] is 0. */
API void hr_text_patterns(const int64_t *offsets, const uint8_t *data, int64_t num_texts, int64_t longest,
                          const uint8_t *classes, uint8_t *patterns, int64_t *ends) {
  int64_t done = 0;
  ends[0] = 0;
  for (int64_t i = 0; i < num_texts; i++) {
    int64_t end = offsets[i + 1] - offsets[i] > longest ? offsets[i] + longest : offsets[i + 1];
    for (int64_t at = offsets[i]; at < end; at++) {
      patterns[done] = classes[data[at]];
      done += (data[at] & 0xc0) != 0x80;
    }
    ends[i + 1] = done;
  }
}
