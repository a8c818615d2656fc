/* Kernels in C for score curves of rows that are cut in many ways: rows are put in the order of their scores once, and
   each way of cutting them walks through that order, which holds the order in every group.

   Rules and ABI as in native.c; the twins are in curves.py. `groups` holds 0 .. num_groups - 1. */

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(_WIN32)
#define API __declspec(dllexport)
#else
#define API __attribute__((visibility("default")))
#endif

#define DIGIT 11
#define TURNS 3

/* Rows by ascending score, equal ones by row; 0 where a score is no float32 number. None may be -0.0 or NaN. `scratch`
   holds 2 * num_rows words. */
API int64_t hr_order_scores(const double *scores, int64_t num_rows, uint64_t *scratch, int32_t *order) {
  static const uint64_t mask = (1u << DIGIT) - 1;
  static const int64_t width = 1 << DIGIT;
  int64_t place[TURNS][1 << DIGIT];
  memset(place, 0, sizeof place);
  uint64_t *from = scratch, *to = scratch + num_rows;
  for (int64_t row = 0; row < num_rows; row++) {
    float single = (float)scores[row];
    if ((double)single != scores[row]) return 0;
    uint32_t bits;
    memcpy(&bits, &single, 4);
    bits = bits >> 31 ? ~bits : bits | 1u << 31;
    from[row] = (uint64_t)bits << 32 | (uint32_t)row;
    for (int turn = 0; turn < TURNS; turn++) place[turn][bits >> (DIGIT * turn) & mask]++;
  }
  for (int turn = 0; turn < TURNS; turn++) {
    int64_t total = 0, largest = 0;
    for (int64_t i = 0; i < width; i++) {
      int64_t count = place[turn][i];
      if (count > largest) largest = count;
      place[turn][i] = total;
      total += count;
    }
    if (largest == num_rows) continue; /* a digit that all share */
    int shift = 32 + DIGIT * turn;
    for (int64_t i = 0; i < num_rows; i++) to[place[turn][from[i] >> shift & mask]++] = from[i];
    uint64_t *other = from;
    from = to;
    to = other;
  }
  for (int64_t i = 0; i < num_rows; i++) order[i] = (int32_t)(uint32_t)from[i];
  return 1;
}

/* The runs of equal scores of each group, groups ascending: offsets[num_groups + 1], the run of each row, and along the
   order. `code` ascends with the scores in order, equal for equal ones; `last` is scratch of 2 * num_groups. Returns how
   many. */
API int64_t hr_place_runs(const int32_t *order, const int32_t *code, const int32_t *groups, int64_t num_rows,
                          int64_t num_groups, int32_t *last, int64_t *offsets, int32_t *along, int32_t *run) {
  int32_t *next = last + num_groups;
  memset(offsets, 0, (size_t)(num_groups + 1) * sizeof *offsets);
  for (int64_t group = 0; group < num_groups; group++) last[group] = -1;
  for (int64_t i = 0; i < num_rows; i++) {
    int32_t group = along[i] = groups[order[i]];
    if (last[group] != code[i]) last[group] = code[i], offsets[group + 1]++;
  }
  for (int64_t group = 0; group < num_groups; group++) {
    next[group] = (int32_t)offsets[group] - 1;
    offsets[group + 1] += offsets[group];
    last[group] = -1;
  }
  for (int64_t i = 0; i < num_rows; i++) {
    int32_t group = along[i];
    if (last[group] != code[i]) last[group] = code[i], next[group]++;
    run[order[i]] = along[i] = next[group];
  }
  return offsets[num_groups];
}

/* What each run holds: its group, its score, its rows of either class, and those of the group with lower scores. All
   but `group` and `score` come as zeros; `along` is the run of each place in the order, as scores and labels are. */
API void hr_fill_runs(const int32_t *along, const double *scores, const uint8_t *label, int64_t num_rows,
                      const int64_t *offsets, int64_t num_groups, int32_t *group, double *score, double *negative,
                      double *positive, double *negative_below, double *positive_below) {
  for (int64_t i = 0; i < num_rows; i++) {
    int32_t at = along[i];
    double is_positive = label[i];
    score[at] = scores[i];
    positive[at] += is_positive;
    negative[at] += 1.0 - is_positive;
  }
  for (int64_t own = 0; own < num_groups; own++) {
    double below[2] = {0.0, 0.0};
    for (int64_t at = offsets[own]; at < offsets[own + 1]; at++) {
      group[at] = (int32_t)own;
      negative_below[at] = below[0];
      positive_below[at] = below[1];
      below[0] += negative[at];
      below[1] += positive[at];
    }
  }
}

static inline double ratio(double numerator, double denominator) {
  return denominator == 0.0 ? NAN : numerator / denominator;
}

/* ranked[group] += positive rows of each run, times the negative ones below it and half of those in it. */
API void hr_ranked_pairs(const int32_t *group, const double *positive, const double *negative,
                         const double *negative_below, int64_t num_runs, double *ranked) {
  for (int64_t at = 0; at < num_runs;) {
    int32_t own = group[at];
    double sum = ranked[own];
    for (; at < num_runs && group[at] == own; at++) sum += positive[at] * (negative_below[at] + 0.5 * negative[at]);
    ranked[own] = sum;
  }
}

/* Of each run the share of the other class that it ranks rightly against, less the area, by its own class's weight. */
API void hr_ranked_shares(const int32_t *group, const double *negative, const double *positive,
                          const double *negative_below, const double *positive_below, int64_t num_runs,
                          const double *all_negative, const double *all_positive, const double *area,
                          double (*told)[2]) {
  for (int64_t at = 0; at < num_runs; at++) {
    int64_t own = group[at];
    double beaten = negative_below[at] + 0.5 * negative[at], below = positive_below[at] + 0.5 * positive[at];
    told[at][1] = ratio(ratio(beaten, all_negative[own]) - area[own], all_positive[own]);
    told[at][0] = ratio(1.0 - ratio(below, all_positive[own]) - area[own], all_negative[own]);
  }
}
