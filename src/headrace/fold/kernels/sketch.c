/* What a column of floats with many values passes through: its finite values, their cells, and HyperLogLog.

   A part of the library of native.c, whose rules hold here too. The twins are tally.py, ordered_keys.py and
   hyperloglog.py. Where the processor has AVX-512, eight values at a time; the same bits. */

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

#if defined(__x86_64__) && defined(__GNUC__)
#define HAS_WIDE 1
#define WIDE __attribute__((target("avx512f,avx512dq,avx512cd")))
static int is_wide(void) { return __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512cd"); }
#else
#define HAS_WIDE 0
#endif

static inline int is_valid(const uint8_t *valid, int64_t bit) { return (valid[bit >> 3] >> (bit & 7)) & 1; }

static inline uint64_t bits_of(double value) {
  uint64_t bits;
  memcpy(&bits, &value, 8);
  return bits;
}

/* The valid, finite values; -0.0 becomes 0.0. apart[] += NaN, -inf, +inf, and zeros among those kept; edges[] = the
   smallest and the largest, inf and -inf where none is kept. */

static int64_t keep_one_by_one(const double *values, const uint8_t *valid, int64_t offset, int64_t num_rows, double *kept,
                               int64_t *apart, double *edges) {
  int64_t num_kept = 0;
  for (int64_t row = 0; row < num_rows; row++) {
    if (valid && !is_valid(valid, offset + row)) continue;
    uint64_t bits = bits_of(values[row]);
    if ((bits >> 52 & 0x7ff) == 0x7ff) {
      apart[bits << 12 ? 0 : bits >> 63 ? 1 : 2]++;
      continue;
    }
    double value = values[row] + 0.0;
    apart[3] += value == 0.0;
    edges[0] = value < edges[0] ? value : edges[0];
    edges[1] = value > edges[1] ? value : edges[1];
    kept[num_kept++] = value;
  }
  return num_kept;
}

#if HAS_WIDE
/* Only whole eights, so that no bit beyond the bitmap's last byte is looked at; the rest is the other's. */
WIDE static int64_t keep_eights(const double *values, const uint8_t *valid, int64_t offset, int64_t num_eights,
                                double *kept, int64_t *apart, double *edges) {
  const __m512d zero = _mm512_setzero_pd();
  __m512d low = _mm512_set1_pd(edges[0]), high = _mm512_set1_pd(edges[1]);
  int64_t num_kept = 0;
  for (int64_t row = 0; row < 8 * num_eights; row += 8) {
    unsigned here = 0xff;
    if (valid) {
      int64_t bit = offset + row;
      here = valid[bit >> 3] >> (bit & 7);
      if (bit & 7) here |= (unsigned)valid[(bit >> 3) + 1] << (8 - (bit & 7));
      here &= 0xff;
    }
    __m512d some = _mm512_add_pd(_mm512_loadu_pd(values + row), zero);
    unsigned odd = _mm512_mask_fpclass_pd_mask((__mmask8)here, some, 0x99); /* NaN of either kind, infinities */
    if (odd) {
      for (int i = 0; i < 8; i++)
        if (odd >> i & 1) {
          uint64_t bits = bits_of(values[row + i]);
          apart[bits << 12 ? 0 : bits >> 63 ? 1 : 2]++;
        }
      here &= ~odd;
    }
    __mmask8 chosen = (__mmask8)here;
    low = _mm512_mask_min_pd(low, chosen, low, some);
    high = _mm512_mask_max_pd(high, chosen, high, some);
    apart[3] += __builtin_popcount(_mm512_mask_cmp_pd_mask(chosen, some, zero, _CMP_EQ_OQ));
    _mm512_storeu_pd(kept + num_kept, _mm512_maskz_compress_pd(chosen, some));
    num_kept += __builtin_popcount(here);
  }
  edges[0] = _mm512_reduce_min_pd(low);
  edges[1] = _mm512_reduce_max_pd(high);
  return num_kept;
}
#endif

API int64_t hr_keep_f64(const double *values, const uint8_t *valid, int64_t offset, int64_t num_rows, double *kept,
                        int64_t *apart, double *edges) {
  int64_t done = 0, num_kept = 0;
  edges[0] = __builtin_inf();
  edges[1] = -edges[0];
#if HAS_WIDE
  if (num_rows >= 8 && is_wide()) {
    done = num_rows & ~7ll;
    num_kept = keep_eights(values, valid, offset, done >> 3, kept, apart, edges);
  }
#endif
  return num_kept +
         keep_one_by_one(values + done, valid, offset + done, num_rows - done, kept + num_kept, apart, edges);
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

static inline void count_cell(uint64_t place, int64_t size, int64_t *table) {
  if (place < (uint64_t)size) table[place]++; /* always, by how base and size are made; never trusted */
}

static void cells_one_by_one(const double *values, int64_t num_values, int64_t shift, int64_t floor, int64_t base,
                             int64_t size, int64_t *table) {
  for (int64_t i = 0; i < num_values; i++) {
    int64_t bits = (int64_t)bits_of(values[i]);
    int64_t cell = ((bits & INT64_MAX) >> shift) - (floor - 1);
    cell = cell < 0 ? 0 : cell;
    int64_t sign = bits >> 63;
    count_cell((uint64_t)((cell ^ sign) - sign - base), size, table);
  }
}

#if HAS_WIDE
WIDE static void cells_of_eights(const double *values, int64_t num_eights, int64_t shift, int64_t floor, int64_t base,
                                 int64_t size, int64_t *table) {
  const __m512i magnitude = _mm512_set1_epi64(INT64_MAX), first = _mm512_set1_epi64(floor - 1);
  const __m512i start = _mm512_set1_epi64(base), zero = _mm512_setzero_si512();
  const __m128i by = _mm_cvtsi64_si128(shift);
  uint64_t places[8];
  for (int64_t i = 0; i < 8 * num_eights; i += 8) {
    __m512i bits = _mm512_loadu_si512(values + i);
    __m512i cells = _mm512_sub_epi64(_mm512_srl_epi64(_mm512_and_si512(bits, magnitude), by), first);
    cells = _mm512_max_epi64(cells, zero);
    cells = _mm512_mask_sub_epi64(cells, _mm512_movepi64_mask(bits), zero, cells);
    _mm512_storeu_si512(places, _mm512_sub_epi64(cells, start));
    for (int j = 0; j < 8; j++) count_cell(places[j], size, table);
  }
}
#endif

API void hr_count_cells(const double *values, int64_t num_values, int64_t shift, int64_t floor, int64_t base,
                        int64_t size, int64_t *table) {
  int64_t done = 0;
#if HAS_WIDE
  if (num_values >= 8 && is_wide()) {
    done = num_values & ~7ll;
    cells_of_eights(values, done >> 3, shift, floor, base, size, table);
  }
#endif
  cells_one_by_one(values + done, num_values - done, shift, floor, base, size, table);
}

/* HyperLogLog, 2^14 registers, over the hash of kernels/hashing.py. */

static inline uint64_t mix(uint64_t x) {
  x ^= x >> 30;
  x *= 0xBF58476D1CE4E5B9ull;
  x ^= x >> 27;
  x *= 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

static void registers_one_by_one(const uint64_t *words, int64_t num_words, uint8_t *registers) {
  for (int64_t i = 0; i < num_words; i++) {
    uint64_t hash = mix(words[i] + 0x9E3779B97F4A7C15ull);
    uint64_t rest = hash << 14;
    uint8_t rank = rest ? (uint8_t)(__builtin_clzll(rest) + 1) : 51;
    uint64_t place = hash >> 50;
    if (rank > registers[place]) registers[place] = rank;
  }
}

#if HAS_WIDE
WIDE static void registers_of_eights(const uint64_t *words, int64_t num_eights, uint8_t *registers) {
  const __m512i golden = _mm512_set1_epi64((long long)0x9E3779B97F4A7C15ull);
  const __m512i first = _mm512_set1_epi64((long long)0xBF58476D1CE4E5B9ull);
  const __m512i second = _mm512_set1_epi64((long long)0x94D049BB133111EBull);
  const __m512i one = _mm512_set1_epi64(1), most = _mm512_set1_epi64(51);
  uint64_t places[8], ranks[8];
  for (int64_t i = 0; i < 8 * num_eights; i += 8) {
    __m512i x = _mm512_add_epi64(_mm512_loadu_si512(words + i), golden);
    x = _mm512_mullo_epi64(_mm512_xor_si512(x, _mm512_srli_epi64(x, 30)), first);
    x = _mm512_mullo_epi64(_mm512_xor_si512(x, _mm512_srli_epi64(x, 27)), second);
    x = _mm512_xor_si512(x, _mm512_srli_epi64(x, 31));
    __m512i rank = _mm512_add_epi64(_mm512_lzcnt_epi64(_mm512_slli_epi64(x, 14)), one); /* 65 of nothing left */
    _mm512_storeu_si512(places, _mm512_srli_epi64(x, 50));
    _mm512_storeu_si512(ranks, _mm512_min_epi64(rank, most));
    for (int j = 0; j < 8; j++)
      if (ranks[j] > registers[places[j]]) registers[places[j]] = (uint8_t)ranks[j];
  }
}
#endif

API void hr_hyperloglog(const uint64_t *words, int64_t num_words, uint8_t *registers) {
  int64_t done = 0;
#if HAS_WIDE
  if (num_words >= 8 && is_wide()) {
    done = num_words & ~7ll;
    registers_of_eights(words, done >> 3, registers);
  }
#endif
  registers_one_by_one(words + done, num_words - done, registers);
}
