/* Exact sums of powers: the kernel of exponent accumulators, whose twin is powers.py.

   A part of the library of native.c, whose rules hold here too. Where the processor multiplies 52-bit integers eight at
   a time (AVX-512 IFMA), values are put in order of sign and exponent, a block at a time: those of one exponent differ
   in the 52 bits after the hidden one only, so the sums of f, f^2, f^3 and f^4 over these, in limbs of 52 bits, give
   those of m = f + 2^52 by the binomial theorem. Elsewhere value after value, four times as slow; the same bits. */

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

static inline uint64_t bits_of(double value) {
  uint64_t bits;
  memcpy(&bits, &value, 8);
  return bits;
}

/* Sums of m, m^2, m^3, m^4 in two's complement words of 64 bits: 2, 3, 4 and 5 of them. */

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

#define LOW52 0xfffffffffffffull

static void sums_one_by_one(const double *values, const int64_t *counts, int64_t num_values, uint64_t *sums) {
  for (int64_t i = 0; i < num_values; i++) {
    uint64_t bits = bits_of(values[i]);
    uint64_t place = bits >> 52 & 0x7ff, m = bits & LOW52;
    if (place) m |= 1ull << 52;
    else place = 1;
    if (m) add_powers(sums + place * SUM_WORDS, m, counts ? (uint64_t)counts[i] : 1, (uint64_t)((int64_t)bits >> 63));
  }
}

#if defined(__x86_64__) && defined(__GNUC__)
#define HAS_WIDE 1
#define WIDE __attribute__((target("avx512f,avx512dq,avx512ifma")))

static int is_wide(void) { return __builtin_cpu_supports("avx512ifma") && __builtin_cpu_supports("avx512dq"); }

/* At most so many values at a time: the sums of their fourth powers, below 2^220, then fit four limbs, whose lanes and
   tops stay below 2^64. */
#define BLOCK 4096
#define SHORT 20 /* fewer values of one exponent are sooner done one by one */

/* Sums of f, f^2, f^3, f^4 (1, 2, 3 and 4 limbs of 52 bits, all but the top of each below 2^52) over f = values & LOW52. */
WIDE static void limb_sums(const uint64_t *values, int64_t num_values, uint64_t *limbs) {
  const __m512i low = _mm512_set1_epi64((long long)LOW52);
  __m512i sums[10], twice_low = _mm512_setzero_si512(), twice_high = _mm512_setzero_si512();
  for (int i = 0; i < 10; i++) sums[i] = _mm512_setzero_si512();
  for (int64_t i = 0; i < num_values; i += 8) {
    __mmask8 here = num_values - i >= 8 ? 0xff : (__mmask8)((1u << (num_values - i)) - 1);
    const __m512i zero = _mm512_setzero_si512();
    __m512i f = _mm512_and_si512(_mm512_maskz_loadu_epi64(here, values + i), low);
    __m512i s = _mm512_madd52lo_epu64(zero, f, f), t = _mm512_madd52hi_epu64(zero, f, f);
    sums[0] = _mm512_add_epi64(sums[0], f);
    sums[1] = _mm512_add_epi64(sums[1], s);
    sums[2] = _mm512_add_epi64(sums[2], t);
    sums[3] = _mm512_madd52lo_epu64(sums[3], f, s);
    sums[4] = _mm512_madd52lo_epu64(_mm512_madd52hi_epu64(sums[4], f, s), f, t);
    sums[5] = _mm512_madd52hi_epu64(sums[5], f, t);
    sums[6] = _mm512_madd52lo_epu64(sums[6], s, s);
    sums[7] = _mm512_madd52hi_epu64(sums[7], s, s);
    twice_low = _mm512_madd52lo_epu64(twice_low, s, t);
    sums[8] = _mm512_madd52lo_epu64(sums[8], t, t);
    twice_high = _mm512_madd52hi_epu64(twice_high, s, t);
    sums[9] = _mm512_madd52hi_epu64(sums[9], t, t);
  }
  sums[7] = _mm512_add_epi64(sums[7], _mm512_add_epi64(twice_low, twice_low));
  sums[8] = _mm512_add_epi64(sums[8], _mm512_add_epi64(twice_high, twice_high));
  static const int tops[10] = {1, 0, 1, 0, 0, 1, 0, 0, 0, 1};
  for (int i = 0; i < 10; i++) {
    if (!tops[i]) {
      sums[i + 1] = _mm512_add_epi64(sums[i + 1], _mm512_srli_epi64(sums[i], 52));
      sums[i] = _mm512_and_si512(sums[i], low);
    }
    uint64_t lanes[8]; /* the reduction that compilers bring along adds signed numbers, which must not pass 2^63 */
    _mm512_storeu_si512(lanes, sums[i]);
    limbs[i] = lanes[0] + lanes[1] + lanes[2] + lanes[3] + lanes[4] + lanes[5] + lanes[6] + lanes[7];
  }
}

/* Limbs of 52 bits, each of any size, as words of 64 bits. */
static void words_of(const u128 *limbs, int num_limbs, uint64_t *words, int num_words) {
  u128 over = 0;
  memset(words, 0, 8 * (size_t)num_words);
  for (int bit = 0, i = 0; bit < 64 * num_words; bit += 52, i++) {
    u128 limb = over + (i < num_limbs ? limbs[i] : 0);
    uint64_t part = (uint64_t)limb & LOW52;
    int word = bit >> 6, shift = bit & 63;
    words[word] |= part << shift;
    if (shift > 12 && word + 1 < num_words) words[word + 1] |= part >> (64 - shift);
    over = limb >> 52;
  }
}

/* Adds the sums of powers of f, or of f + 2^52 where `hidden` values have that bit. */
static void add_limbs(uint64_t *sums, const uint64_t *f, uint64_t hidden, uint64_t count, uint64_t sign) {
  const u128 n = hidden;
  u128 first[2] = {f[0], n};
  u128 second[3] = {f[1], f[2], n}, third[4] = {f[3], f[4], f[5], n}, fourth[5] = {f[6], f[7], f[8], f[9], n};
  if (hidden) {
    second[1] += 2 * (u128)f[0];
    third[1] += 3 * (u128)f[1];
    third[2] += 3 * (u128)f[2] + 3 * (u128)f[0];
    fourth[1] += 4 * (u128)f[3];
    fourth[2] += 4 * (u128)f[4] + 6 * (u128)f[1];
    fourth[3] += 4 * (u128)f[5] + 6 * (u128)f[2] + 4 * (u128)f[0];
  }
  uint64_t words[5];
  words_of(first, 2, words, 2);
  add_words(sums, words, 2, sign);
  words_of(second, 3, words, 3);
  add_words(sums + 2, words, 3, 0);
  words_of(third, 4, words, 4);
  add_words(sums + 5, words, 4, sign);
  words_of(fourth, 5, words, 5);
  add_words(sums + 9, words, 5, 0);
  sums[14] += count;
}

static void sums_by_blocks(const double *values, int64_t num_values, uint64_t *sums) {
  uint16_t sizes[4096], places[4096], keys[4096];
  uint64_t limbs[10];
  union {
    uint64_t bits[BLOCK];
    double values[BLOCK];
  } ordered;
  for (int64_t first = 0; first < num_values; first += BLOCK) {
    int64_t size = num_values - first < BLOCK ? num_values - first : BLOCK;
    const double *block = values + first;
    memset(sizes, 0, sizeof sizes);
    for (int64_t i = 0; i < size; i++) sizes[bits_of(block[i]) >> 52]++;
    int num_keys = 0;
    uint16_t place = 0;
    for (int four = 0; four < 4096; four += 4) {
      uint64_t any;
      memcpy(&any, sizes + four, 8);
      if (!any) continue;
      for (int key = four; key < four + 4; key++)
        if (sizes[key]) {
          keys[num_keys++] = (uint16_t)key;
          places[key] = place;
          place = (uint16_t)(place + sizes[key]);
        }
    }
    for (int64_t i = 0; i < size; i++) {
      uint64_t bits = bits_of(block[i]);
      ordered.bits[places[bits >> 52]++] = bits;
    }
    int64_t run = 0;
    for (int i = 0; i < num_keys; i++) {
      uint64_t count = sizes[keys[i]], exponent = keys[i] & 0x7ff, sign = keys[i] >> 11 ? ~0ull : 0;
      int64_t start = run;
      run += (int64_t)count;
      if (count < SHORT) {
        sums_one_by_one(ordered.values + start, 0, (int64_t)count, sums);
        continue;
      }
      limb_sums(ordered.bits + start, (int64_t)count, limbs);
      /* zeros have no place; what is smaller than any normal number has the least one, without the hidden bit */
      if (exponent) add_limbs(sums + exponent * SUM_WORDS, limbs, count, count, sign);
      else if (limbs[0]) add_limbs(sums + SUM_WORDS, limbs, 0, count, sign);
    }
  }
}

/* Integers, negated where `sign` is all ones, if all of them lie in 0 .. 2^52 - 1 then; else 0. */
static int integers_by_blocks(const int64_t *values, int64_t num_values, uint64_t sign, uint64_t *sums) {
  uint64_t every = 0, limbs[10], negated[BLOCK];
  for (int64_t i = 0; i < num_values; i++) every |= ((uint64_t)values[i] ^ sign) - sign;
  if (every > LOW52) return 0;
  for (int64_t first = 0; first < num_values; first += BLOCK) {
    int64_t size = num_values - first < BLOCK ? num_values - first : BLOCK;
    for (int64_t i = 0; i < size; i++) negated[i] = ((uint64_t)values[first + i] ^ sign) - sign;
    limb_sums(negated, size, limbs);
    if (limbs[0]) add_limbs(sums, limbs, 0, (uint64_t)size, sign);
  }
  return 1;
}
#else
#define HAS_WIDE 0
#endif

#define FEW 256 /* a block's fixed cost is worth it above */

/* Each value counts[i] times, or once where counts is NULL. sums[place][15], place 1 .. 2046: the biased exponent, under
   which values are m * 2^(place - 1075). Adds to what is there. */
API void hr_power_sums_f64(const double *values, const int64_t *counts, int64_t num_values, uint64_t *sums) {
#if HAS_WIDE
  if (!counts && num_values >= FEW && is_wide()) {
    sums_by_blocks(values, num_values, sums);
    return;
  }
#endif
  sums_one_by_one(values, counts, num_values, sums);
}

/* The same for integers, all in sums[15]. */
API void hr_power_sums_i64(const int64_t *values, const int64_t *counts, int64_t num_values, uint64_t *sums) {
#if HAS_WIDE
  if (!counts && num_values >= FEW && is_wide() &&
      (integers_by_blocks(values, num_values, 0, sums) || integers_by_blocks(values, num_values, ~0ull, sums)))
    return;
#endif
  for (int64_t i = 0; i < num_values; i++) {
    int64_t value = values[i];
    uint64_t m = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    if (m) add_powers(sums, m, counts ? (uint64_t)counts[i] : 1, (uint64_t)(value >> 63));
  }
}
