/* TFRecord and tf.train.Example: frames with their checksums, and the wire format of protocol buffers.

   A part of the library of fold/kernels/native.c, whose rules hold here too: plain functions over the caller's buffers,
   no globals, no allocation. Nothing of the data is trusted: every length is held against what is left before it is
   used. The twin is tfrecord.py; tests hold the two together, proofs/tfrecord.py runs this one under sanitizers.

   `problem` says why a function stopped: code, record, and two numbers more. */

#include <stdint.h>
#include <string.h>

#if defined(_WIN32)
#define API __declspec(dllexport)
#else
#define API __attribute__((visibility("default")))
#endif

enum { FINE = 0, BAD_LENGTH_SUM = 1, BAD_DATA_SUM = 2, UNKNOWN_NAME = 3, MALFORMED = 4, OTHER_KIND = 5 };

/* Crc32c (Castagnoli, RFC 3720 appendix B.4): by instruction where there is one, else half a byte at a time. */

static uint32_t crc_by_table(uint32_t crc, const uint8_t *data, int64_t size) {
  static const uint32_t table[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
                                     0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
                                     0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
  for (int64_t i = 0; i < size; i++) {
    crc ^= data[i];
    crc = crc >> 4 ^ table[crc & 15];
    crc = crc >> 4 ^ table[crc & 15];
  }
  return crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>
__attribute__((target("sse4.2"))) static uint32_t crc_by_instruction(uint32_t crc, const uint8_t *data, int64_t size) {
  uint64_t wide = crc, word;
  for (; size >= 8; size -= 8, data += 8) {
    memcpy(&word, data, 8);
    wide = _mm_crc32_u64(wide, word);
  }
  for (; size > 0; size--) wide = _mm_crc32_u8((uint32_t)wide, *data++);
  return (uint32_t)wide;
}
static uint32_t crc_update(uint32_t crc, const uint8_t *data, int64_t size) {
  return __builtin_cpu_supports("sse4.2") ? crc_by_instruction(crc, data, size) : crc_by_table(crc, data, size);
}
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
static uint32_t crc_update(uint32_t crc, const uint8_t *data, int64_t size) {
  uint64_t word;
  for (; size >= 8; size -= 8, data += 8) {
    memcpy(&word, data, 8);
    crc = __crc32cd(crc, word);
  }
  for (; size > 0; size--) crc = __crc32cb(crc, *data++);
  return crc;
}
#else
#define crc_update crc_by_table
#endif

/* `by` 1 = always by the table: so that tests see both. */
API uint32_t hr_crc32c(const uint8_t *data, int64_t size, uint32_t value, int64_t by) {
  return ~(by ? crc_by_table(~value, data, size) : crc_update(~value, data, size));
}

static inline uint32_t masked_crc(const uint8_t *data, int64_t size) {
  uint32_t crc = ~crc_update(0xffffffffu, data, size);
  return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

static inline uint32_t word_at(const uint8_t *at) {
  uint32_t word;
  memcpy(&word, at, 4);
  return word;
}

/* The whole records of a stretch of a file; their number. problem = code, records, bytes of these, and how many bytes
   the next one takes, 0 where not even its length is there. */
API int64_t hr_tf_frames(const uint8_t *data, int64_t size, int64_t *starts, int64_t *lengths, int64_t *problem) {
  int64_t at = 0, num_records = 0;
  problem[0] = FINE;
  problem[3] = 0;
  while (size - at >= 12) {
    uint64_t length;
    memcpy(&length, data + at, 8);
    if (masked_crc(data + at, 8) != word_at(data + at + 8)) {
      problem[0] = BAD_LENGTH_SUM;
      break;
    }
    uint64_t left = (uint64_t)(size - at - 12);
    if (length > left || left - length < 4) {
      problem[3] = length > INT64_MAX - 16 ? INT64_MAX : (int64_t)length + 16;
      break;
    }
    if (masked_crc(data + at + 12, (int64_t)length) != word_at(data + at + 12 + length)) {
      problem[0] = BAD_DATA_SUM;
      break;
    }
    starts[num_records] = at + 12;
    lengths[num_records++] = (int64_t)length;
    at += (int64_t)length + 16;
  }
  problem[1] = num_records;
  problem[2] = at;
  return num_records;
}

/* The wire format. Each reader returns where it goes on, NULL where that would be behind the end. */

static inline const uint8_t *read_varint(const uint8_t *at, const uint8_t *end, uint64_t *value) {
  if (at < end && *at < 0x80) { /* most are */
    *value = *at;
    return at + 1;
  }
  uint64_t found = 0;
  for (int shift = 0; shift < 70; shift += 7) {
    if (at >= end) return NULL;
    uint64_t byte = *at++;
    found |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      *value = found;
      return at;
    }
  }
  return NULL;
}

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

typedef struct {
  uint64_t number, type, value; /* value: of a varint; the size of bytes */
  const uint8_t *data;
} Field;

static inline const uint8_t *read_field(const uint8_t *at, const uint8_t *end, Field *field) {
  uint64_t tag;
  at = read_varint(at, end, &tag);
  if (!at || tag >> 32 || !(tag >> 3)) return NULL;
  field->number = tag >> 3;
  field->type = tag & 7;
  field->value = 0;
  field->data = at;
  switch (field->type) {
    case VARINT: return read_varint(at, end, &field->value);
    case FIXED64: return end - at < 8 ? NULL : at + 8;
    case FIXED32: return end - at < 4 ? NULL : at + 4;
    case BYTES:
      at = read_varint(at, end, &field->value);
      if (!at || field->value > (uint64_t)(end - at)) return NULL;
      field->data = at;
      return at + field->value;
    default: return NULL; /* groups: nobody has written one for ten years */
  }
}

static inline uint64_t hash_name(const uint8_t *name, int64_t size) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (int64_t i = 0; i < size; i++) hash = (hash ^ name[i]) * 0x100000001b3ull;
  return hash ^ hash >> 32;
}

static inline int is_name(const uint8_t *names, const int64_t *ends, int64_t place, const uint8_t *name, int64_t size) {
  int64_t start = place ? ends[place - 1] : 0;
  return ends[place] - start == size && !memcmp(names + start, name, (size_t)size);
}

/* Where each record keeps each feature: places[name][record], sizes[name][record]; places that nothing is written to
   stay as the caller left them. `slots` is working memory, a power of two of them, more than there are names. Returns
   how many records were done. */
API int64_t hr_tf_index(const uint8_t *data, const int64_t *starts, const int64_t *lengths, int64_t num_records,
                        const uint8_t *names, const int64_t *ends, int64_t num_names, int32_t *slots,
                        int64_t num_slots, int64_t *places, int64_t *sizes, int64_t *problem) {
  uint64_t mask = (uint64_t)num_slots - 1;
  int64_t guess = 0;
  problem[0] = FINE;
  memset(slots, 0xff, (size_t)num_slots * 4);
  for (int64_t i = 0; i < num_names; i++) {
    int64_t start = i ? ends[i - 1] : 0;
    uint64_t slot = hash_name(names + start, ends[i] - start) & mask;
    while (slots[slot] >= 0) slot = (slot + 1) & mask;
    slots[slot] = (int32_t)i;
  }
  for (int64_t record = 0; record < num_records; record++) {
    const uint8_t *at = data + starts[record], *end = at + lengths[record];
    Field example, features, part;
    problem[1] = record;
    while (at < end) {
      if (!(at = read_field(at, end, &example))) goto malformed;
      if (example.number != 1 || example.type != BYTES) continue;
      const uint8_t *inner = example.data, *inner_end = inner + example.value;
      while (inner < inner_end) {
        if (!(inner = read_field(inner, inner_end, &features))) goto malformed;
        if (features.number != 1 || features.type != BYTES) continue;
        const uint8_t *entry = features.data, *entry_end = entry + features.value, *name = data, *value = NULL;
        int64_t name_size = 0, value_size = 0, room = entry_end - entry;
        /* As everybody writes it: a short name, then the feature, and nothing else. */
        if (room > 4 && entry[0] == 0x0a && entry[1] < 0x80 && room - 4 >= entry[1] && entry[2 + entry[1]] == 0x12 &&
            entry[3 + entry[1]] < 0x80 && entry[3 + entry[1]] == room - 4 - entry[1]) {
          name = entry + 2;
          name_size = entry[1];
          value = name + name_size + 2;
          value_size = entry_end - value;
          entry = entry_end;
        }
        while (entry < entry_end) {
          if (!(entry = read_field(entry, entry_end, &part))) goto malformed;
          if (part.type != BYTES) continue;
          if (part.number == 1) {
            name = part.data;
            name_size = (int64_t)part.value;
          } else if (part.number == 2) {
            if (value) goto malformed; /* to be merged, as nobody writes it */
            value = part.data;
            value_size = (int64_t)part.value;
          }
        }
        if (guess >= num_names) guess = 0;
        if (!num_names || !is_name(names, ends, guess, name, name_size)) {
          uint64_t slot = hash_name(name, name_size) & mask;
          while (slots[slot] >= 0 && !is_name(names, ends, slots[slot], name, name_size)) slot = (slot + 1) & mask;
          guess = slots[slot];
        }
        if (guess < 0) {
          problem[0] = UNKNOWN_NAME;
          problem[2] = name - data;
          problem[3] = name_size;
          return record;
        }
        places[guess * num_records + record] = value ? value - data : entry_end - data;
        sizes[guess * num_records + record] = value_size;
        guess++;
      }
    }
  }
  return num_records;
malformed:
  problem[0] = MALFORMED;
  return problem[1];
}

typedef struct {
  uint8_t *values;
  int32_t *ends;
  int64_t num_values, num_bytes;
} Taken;

/* One list: of bytes (1), of floats (2) or of integers (3); 0 where it is malformed. */
static inline int take_list(const uint8_t *at, const uint8_t *end, uint64_t kind, Taken *taken) {
  Field field;
  while (at < end) {
    if (!(at = read_field(at, end, &field))) return 0;
    if (field.number != 1) continue;
    if (kind == 1 && field.type == BYTES) {
      memcpy(taken->values + taken->num_bytes, field.data, field.value);
      taken->num_bytes += (int64_t)field.value;
      taken->ends[taken->num_values++] = (int32_t)taken->num_bytes;
    } else if (kind == 2 && field.type == FIXED32) {
      memcpy(taken->values + 4 * taken->num_values++, field.data, 4);
    } else if (kind == 2 && field.type == BYTES) {
      if (field.value % 4) return 0;
      memcpy(taken->values + 4 * taken->num_values, field.data, field.value);
      taken->num_values += (int64_t)(field.value / 4);
    } else if (kind == 3 && field.type == VARINT) {
      memcpy(taken->values + 8 * taken->num_values++, &field.value, 8);
    } else if (kind == 3 && field.type == BYTES) {
      const uint8_t *packed = field.data, *packed_end = packed + field.value;
      uint64_t value;
      while (packed < packed_end) {
        if (!(packed = read_varint(packed, packed_end, &value))) return 0;
        memcpy(taken->values + 8 * taken->num_values++, &value, 8);
      }
    }
  }
  return 1;
}

/* The values of one feature, all records' one after the other; how many. counts[record] is how many are the record's,
   -1 where it has no such feature or one without a kind. The caller's room: for integers 8 bytes a byte of the sizes'
   sum, for floats that sum, for bytes the sum and an end for each two bytes of it. */
API int64_t hr_tf_column(const uint8_t *data, const int64_t *places, const int64_t *sizes, int64_t num_records,
                         int64_t kind, int32_t *counts, uint8_t *values, int32_t *ends, int64_t *problem) {
  Taken taken = {values, ends, 0, 0};
  problem[0] = FINE;
  for (int64_t record = 0; record < num_records; record++) {
    counts[record] = -1;
    if (places[record] < 0) continue;
    const uint8_t *at = data + places[record], *end = at + sizes[record], *run = at;
    uint64_t found = 0;
    int64_t before = taken.num_values;
    Field field;
    problem[1] = record;
    /* As everybody writes it: one list, a short one, of the kind that is asked for. */
    if (end - at >= 2 && at[0] == (kind << 3 | BYTES) && at[1] < 0x80 && at[1] == end - at - 2) {
      if (!take_list(at + 2, end, (uint64_t)kind, &taken)) goto malformed;
      counts[record] = (int32_t)(taken.num_values - before);
      continue;
    }
    while (at < end) { /* of one kind all lists count, of several kinds the last one */
      const uint8_t *here = at;
      if (!(at = read_field(at, end, &field))) goto malformed;
      if (field.type == BYTES && field.number >= 1 && field.number <= 3 && field.number != found) {
        found = field.number;
        run = here;
      }
    }
    if (!found) continue;
    if (found != (uint64_t)kind) {
      problem[0] = OTHER_KIND;
      problem[2] = (int64_t)found;
      return -1;
    }
    for (at = run; at < end;) {
      at = read_field(at, end, &field);
      if (field.type == BYTES && field.number == found &&
          !take_list(field.data, field.data + field.value, found, &taken))
        goto malformed;
    }
    counts[record] = (int32_t)(taken.num_values - before);
  }
  return taken.num_values;
malformed:
  problem[0] = MALFORMED;
  return -1;
}
