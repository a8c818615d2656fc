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
