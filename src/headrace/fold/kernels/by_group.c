/* Kernels in C for sums by group: what metrics add up over rows that are cut in many ways.

   Rules and ABI as in native.c; the twins are in by_group.py. `groups` holds 0 .. num_groups - 1, or is NULL where all
   rows are of group 0. Floats are added one after the other, as the twins add them: the same bits. */

#include <stdint.h>
#include <string.h>

#if defined(_WIN32)
#define API __declspec(dllexport)
#else
#define API __attribute__((visibility("default")))
#endif

typedef __int128 i128;
typedef unsigned __int128 u128;

/* To the nearest integer, ties to even, of magnitude under 2^100. */
static inline i128 rounded(double value) {
  double size = value < 0 ? -value : value;
  if (size < 2251799813685248.0) { /* 2^51: adding this number leaves no bits below 1 */
    double moved = value + 6755399441055744.0;
    return (i128)(int64_t)(moved - 6755399441055744.0);
  }
  if (size >= 4503599627370496.0) return (i128)value; /* 2^52: an integer already */
  int64_t whole = (int64_t)value;
  double rest = value - (double)whole;
  if (rest == 0.5 || rest == -0.5) whole += (whole & 1) ? (rest > 0 ? 1 : -1) : 0;
  return (i128)whole;
}

/* words[group][cell] += the cell's value in units of 2^-40, each row `counts` times (NULL: once). A word is (low, high)
   of 64 bits. */
API void hr_sum_cells(const double *const *cells, int64_t num_cells, const int32_t *groups, int64_t num_rows,
                      const uint8_t *counts, uint64_t *words) {
  for (int64_t row = 0; row < num_rows; row++) {
    uint64_t *at = words + (groups ? (int64_t)groups[row] : 0) * num_cells * 2;
    for (int64_t cell = 0; cell < num_cells; cell++) {
      i128 value = rounded(cells[cell][row] * 1099511627776.0);
      if (counts) value *= counts[row];
      u128 sum = ((u128)at[2 * cell + 1] << 64 | at[2 * cell]) + (u128)value;
      at[2 * cell] = (uint64_t)sum;
      at[2 * cell + 1] = (uint64_t)(sum >> 64);
    }
  }
}

/* moved[row] = weight[row] * sum of slopes[term][group] * terms[term][row]; a term that is NULL is 1, a weight too. */
API void hr_slope_rows(const double *const *terms, const double *const *slopes, int64_t num_terms,
                       const int32_t *groups, int64_t num_rows, const double *weight, double *moved) {
  for (int64_t row = 0; row < num_rows; row++) {
    int64_t group = groups ? groups[row] : 0;
    double sum = 0.0;
    for (int64_t term = 0; term < num_terms; term++)
      sum += terms[term] ? slopes[term][group] * terms[term][row] : slopes[term][group];
    moved[row] = weight ? sum * weight[row] : sum;
  }
}

/* By group, in tables of num_groups: the squares of moved, and its fourth powers; and where there is a first, products
   with it, and squares and fourth powers of the difference. */
API void hr_add_moments(const double *moved, const double *first, const int32_t *groups, int64_t num_rows,
                        int64_t num_groups, double *sums) {
  double *square = sums, *fourth = sums + num_groups, *shared = sums + 2 * num_groups;
  double *apart = sums + 3 * num_groups, *apart_fourth = sums + 4 * num_groups;
  for (int64_t row = 0; row < num_rows; row++) {
    int64_t group = groups[row];
    double m = moved[row], mm = m * m;
    square[group] += mm;
    fourth[group] += mm * mm;
    if (!first) continue;
    double d = first[row] - m, dd = d * d;
    shared[group] += first[row] * m;
    apart[group] += dd;
    apart_fourth[group] += dd * dd;
  }
}

/* What a row moves each model goes into the row's group of sums [num_groups][num_models][5]. */
static inline void add_row(double *into, double moved, double first, int is_first) {
  double square = moved * moved;
  into[0] += square;
  into[1] += square * square;
  if (is_first) return;
  double apart = first - moved, apart_square = apart * apart;
  into[2] += first * moved;
  into[3] += apart_square;
  into[4] += apart_square * apart_square;
}

/* hr_slope_rows and hr_add_moments of several models at once. `terms` [num_models][num_terms], a term that is NULL is 1;
   slopes [num_groups][num_models][num_terms]. Where a model has a table [num_groups][2], that says what its rows of
   label 0 and 1 move. */
static inline void slope_moments(const double *const *terms, const double *slopes, const int64_t num_models,
                                 const int64_t num_terms, const double *const *tables, const double *label,
                                 const int32_t *groups, int64_t num_rows, const double *weight, double *sums) {
  for (int64_t row = 0; row < num_rows; row++) {
    int64_t group = groups[row];
    double first = 0.0;
    for (int64_t model = 0; model < num_models; model++) {
      double moved;
      if (tables[model]) {
        moved = tables[model][2 * group + (label[row] == 1.0)];
      } else {
        const double *slope = slopes + (group * num_models + model) * num_terms;
        const double *const *term = terms + model * num_terms;
        moved = 0.0;
        for (int64_t i = 0; i < num_terms; i++) moved += term[i] ? slope[i] * term[i][row] : slope[i];
      }
      if (weight) moved *= weight[row];
      if (!model) first = moved;
      add_row(sums + (group * num_models + model) * 5, moved, first, !model);
    }
  }
}

API void hr_slope_moments(const double *const *terms, const double *slopes, int64_t num_models, int64_t num_terms,
                          const double *const *tables, const double *label, const int32_t *groups, int64_t num_rows,
                          const double *weight, double *sums) {
  /* A model and its baseline, one or two terms beside weight and label: known when compiled, so without inner loops. */
  if (num_models == 2 && num_terms == 3)
    slope_moments(terms, slopes, 2, 3, tables, label, groups, num_rows, weight, sums);
  else if (num_models == 2 && num_terms == 4)
    slope_moments(terms, slopes, 2, 4, tables, label, groups, num_rows, weight, sums);
  else
    slope_moments(terms, slopes, num_models, num_terms, tables, label, groups, num_rows, weight, sums);
}

/* hr_class_rows and hr_add_moments of several models at once: of each the run of every row, and what a negative and a
   positive row of a run moves [num_runs][2]; factors [num_groups][2] by group and class. */
#if defined(__GNUC__)
#define SOON(place) __builtin_prefetch(place)
#else
#define SOON(place) (void)(place)
#endif
#define AHEAD 24
static inline void class_moments(const double *label, const int32_t *groups, int64_t num_rows,
                                 const int32_t *const *runs, const int64_t num_models, const double *const *of_runs,
                                 const double *factors, const double *weight, double *sums) {
  for (int64_t row = 0; row < num_rows; row++) {
    int64_t group = groups[row];
    int is_positive = label[row] == 1.0;
    double factor = factors[2 * group + is_positive], first = 0.0;
    for (int64_t model = 0; model < num_models; model++) {
      if (row + AHEAD < num_rows) SOON(of_runs[model] + 2 * (int64_t)runs[model][row + AHEAD]);
      double moved = of_runs[model][2 * (int64_t)runs[model][row] + is_positive] * factor;
      if (weight) moved *= weight[row];
      if (!model) first = moved;
      add_row(sums + (group * num_models + model) * 5, moved, first, !model);
    }
  }
}

API void hr_class_moments(const double *label, const int32_t *groups, int64_t num_rows, const int32_t *const *runs,
                          int64_t num_models, const double *const *of_runs, const double *factors,
                          const double *weight, double *sums) {
  if (num_models == 2) class_moments(label, groups, num_rows, runs, 2, of_runs, factors, weight, sums);
  else class_moments(label, groups, num_rows, runs, num_models, of_runs, factors, weight, sums);
}

/* table[group][code] += 1 for every row. */
API void hr_count_codes(const uint8_t *codes, const int32_t *groups, int64_t num_rows, int64_t num_codes,
                        int64_t *table) {
  for (int64_t row = 0; row < num_rows; row++) table[groups[row] * num_codes + codes[row]]++;
}

/* counts[row] = how many of the ascending thresholds, 5 or more, are at most a hash of the row's id: see replicates.py. */
static inline uint64_t mixed(uint64_t word) {
  word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9u;
  word = (word ^ word >> 27) * 0x94D049BB133111EBu;
  return word ^ word >> 31;
}

API void hr_poisson_counts(const uint64_t *row_id, int64_t num_rows, uint64_t salt, const uint64_t *thresholds,
                           int64_t num_thresholds, uint8_t *counts) {
  for (int64_t row = 0; row < num_rows; row++) {
    uint64_t drawn = mixed(mixed(row_id[row] ^ salt) + 0x9E3779B97F4A7C15u);
    int64_t count = 0; /* few counts are 5 or more: the first thresholds are told without a branch */
    for (int64_t i = 0; i < 5; i++) count += thresholds[i] <= drawn;
    if (count == 5)
      while (count < num_thresholds && thresholds[count] <= drawn) count++;
    counts[row] = (uint8_t)count;
  }
}

/* Rows of two classes: told[row] = of_class[run] * factor_class[group], the class by label == 1. */
API void hr_class_rows(const double *label, const int32_t *groups, const int64_t *runs, int64_t num_rows,
                       const double *of_positive, const double *of_negative, const double *positive_factor,
                       const double *negative_factor, double *told) {
  for (int64_t row = 0; row < num_rows; row++) {
    int64_t run = runs ? runs[row] : row;
    told[row] = label[row] == 1.0 ? of_positive[run] * positive_factor[groups[row]]
                                  : of_negative[run] * negative_factor[groups[row]];
  }
}

/* Where each of `asked` would go among ascending keys, from the left, num_keys - 1 at the most. `scratch` holds
   2 * num_asked pairs (key, row). Sorted by digits first: neighbours are then looked up one after the other. */
#define DIGIT 11
#define DIGITS 6
API void hr_find_keys(const uint64_t *keys, int64_t num_keys, const uint64_t *asked, int64_t num_asked,
                      uint64_t *scratch, int64_t *found) {
  static const uint64_t mask = (1u << DIGIT) - 1;
  uint64_t all = 0, any = ~(uint64_t)0;
  for (int64_t i = 0; i < num_asked; i++) all |= asked[i], any &= asked[i];
  uint64_t differ = all & ~any; /* digits that all share need no turn */
  uint64_t *from = scratch, *to = scratch + 2 * num_asked;
  for (int64_t i = 0; i < num_asked; i++) from[2 * i] = asked[i], from[2 * i + 1] = (uint64_t)i;
  for (int digit = 0; digit < DIGITS; digit++) {
    int shift = digit * DIGIT;
    if (!(differ >> shift & mask)) continue;
    int64_t place[1 << DIGIT] = {0};
    for (int64_t i = 0; i < num_asked; i++) place[from[2 * i] >> shift & mask]++;
    int64_t total = 0;
    for (int64_t i = 0; i <= (int64_t)mask; i++) {
      int64_t count = place[i];
      place[i] = total;
      total += count;
    }
    for (int64_t i = 0; i < num_asked; i++) {
      int64_t at = place[from[2 * i] >> shift & mask]++;
      to[2 * at] = from[2 * i];
      to[2 * at + 1] = from[2 * i + 1];
    }
    uint64_t *other = from;
    from = to;
    to = other;
  }
  int64_t key = 0;
  for (int64_t i = 0; i < num_asked; i++) {
    while (key < num_keys - 1 && keys[key] < from[2 * i]) key++;
    found[from[2 * i + 1]] = key;
  }
}

/* Keys that sort as (group, score) do, for scores that are float32 numbers, none -0.0 or NaN; 0 where one is not. */
API int64_t hr_score_keys(const double *scores, const int32_t *groups, int64_t num_rows, uint64_t *keys) {
  for (int64_t row = 0; row < num_rows; row++) {
    float single = (float)scores[row];
    if ((double)single != scores[row]) return 0;
    uint32_t bits;
    memcpy(&bits, &single, 4);
    bits = bits >> 31 ? ~bits : bits | 1u << 31;
    keys[row] = (uint64_t)(uint32_t)groups[row] << 32 | bits;
  }
  return 1;
}

/* Runs of ascending words (group, 32 bits of score, label): where each begins, and its rows of label 0 and 1. */
API int64_t hr_runs(const uint64_t *words, int64_t num_words, int32_t *group, double *score, int64_t *whole) {
  int64_t num_runs = 0;
  for (int64_t i = 0; i < num_words;) {
    uint64_t key = words[i] >> 1;
    int64_t start = i, positive = 0;
    while (i < num_words && words[i] >> 1 == key) positive += (int64_t)(words[i++] & 1);
    uint32_t bits = (uint32_t)key;
    bits = bits >> 31 ? bits & 0x7fffffffu : ~bits;
    float single;
    memcpy(&single, &bits, 4);
    group[num_runs] = (int32_t)(key >> 32);
    score[num_runs] = (double)single;
    whole[2 * num_runs] = i - start - positive;
    whole[2 * num_runs + 1] = positive;
    num_runs++;
  }
  return num_runs;
}
