/* Columns side by side: primitive columns written into one matrix with a row a row, as models take them; and texts that
   follow each other, each behind its length.

   A part of the library of native.c, whose rules hold here too. The twins are lanes.py's own functions. */

#include <stdint.h>
#include <string.h>

#if defined(_WIN32)
#define API __declspec(dllexport)
#else
#define API __attribute__((visibility("default")))
#endif

/* What is said of one column, as lanes.py lays it out. A value is 8 bytes. `kind`: 0 float64 to float64, 1 int64 to
   float64, 2 int64 to int64. Row i lies at values[first + i], its bit at first + i of `valid` (0 = all are there). It
   goes to out[i * stride], and where `present` is not 0, whether it is there to present[i * present_stride]. */
typedef struct {
  int64_t kind, values, valid, first, out, stride, present, present_stride;
} Column;

static const uint64_t NOT_A_NUMBER = 0x7ff8000000000000ull;

/* Nothing says that a client's buffers begin at a multiple of 8. */
static inline double double_at(const uint8_t *values, int64_t i) {
  double value;
  memcpy(&value, values + 8 * i, 8);
  return value;
}

static inline int64_t integer_at(const uint8_t *values, int64_t i) {
  int64_t value;
  memcpy(&value, values + 8 * i, 8);
  return value;
}

static inline int is_there(const uint8_t *valid, int64_t bit) { return !valid || (valid[bit >> 3] >> (bit & 7)) & 1; }

API void hr_lanes(const Column *columns, int64_t num_columns, int64_t num_rows) {
  double nothing;
  memcpy(&nothing, &NOT_A_NUMBER, 8);
  for (int64_t c = 0; c < num_columns; c++) {
    const Column *one = columns + c;
    const uint8_t *valid = (const uint8_t *)(intptr_t)one->valid, *values = (const uint8_t *)(intptr_t)one->values;
    uint8_t *present = (uint8_t *)(intptr_t)one->present;
    int64_t first = one->first, stride = one->stride;
    double *numbers = (double *)(intptr_t)one->out;
    int64_t *wholes = (int64_t *)(intptr_t)one->out;
    if (one->kind == 0) {
      for (int64_t i = 0; i < num_rows; i++) {
        double value = double_at(values, first + i);
        numbers[i * stride] = is_there(valid, first + i) && value == value ? value : nothing;
      }
    } else if (one->kind == 1) {
      for (int64_t i = 0; i < num_rows; i++)
        numbers[i * stride] = is_there(valid, first + i) ? (double)integer_at(values, first + i) : nothing;
    } else {
      for (int64_t i = 0; i < num_rows; i++)
        wholes[i * stride] = is_there(valid, first + i) ? integer_at(values, first + i) : 0;
    }
    if (present)
      for (int64_t i = 0; i < num_rows; i++) present[i * one->present_stride] = (uint8_t)is_there(valid, first + i);
  }
}

/* Texts behind their lengths (uint32, little-endian) as offsets and one text after the other. `texts` has room for
   `size` bytes, `offsets` for num_texts + 1. Returns how many texts were whole, and in *rest where the next one begins. */
API int64_t hr_split_texts(const uint8_t *data, int64_t size, int64_t num_texts, int32_t *offsets, uint8_t *texts,
                           int64_t *rest) {
  int64_t at = 0, done = 0, i = 0;
  offsets[0] = 0;
  for (; i < num_texts && size - at >= 4; i++) {
    const uint8_t *head = data + at;
    int64_t length = (int64_t)((uint32_t)head[0] | (uint32_t)head[1] << 8 | (uint32_t)head[2] << 16 | (uint32_t)head[3] << 24);
    if (length > size - at - 4) break;
    memcpy(texts + done, head + 4, (size_t)length);
    done += length;
    at += 4 + length;
    offsets[i + 1] = (int32_t)done;
  }
  *rest = at;
  return i;
}
