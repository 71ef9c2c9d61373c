// What a program's operations compute, there and back to the pixels, for one image at a time.
//
// All values are float32. An image lies pixel by pixel, its channels side by side; their number is filled up with
// zeros to a multiple of four, the pitch, so that every loop over channels takes four at once and none has a rest.
// Only the product of matrices meets numbers that are not: those of grouped convolutions.
#include <wasm_simd128.h>

#define EXPORT(name) __attribute__((export_name(#name))) void name
#define INLINE static inline __attribute__((always_inline))

typedef v128_t four;

#ifdef RELAXED
#define MULTIPLY_ADD(a, b, c) wasm_f32x4_relaxed_madd(a, b, c)
#else
#define MULTIPLY_ADD(a, b, c) wasm_f32x4_add(wasm_f32x4_mul(a, b), c)
#endif

INLINE four load(const float *from) { return wasm_v128_load(from); }
INLINE void store(float *to, four values) { wasm_v128_store(to, values); }
INLINE four all(float value) { return wasm_f32x4_splat(value); }
INLINE four bounded(four values, four low, four high) { return wasm_f32x4_pmin(wasm_f32x4_pmax(values, low), high); }
INLINE int least(int a, int b) { return a < b ? a : b; }

// Weights: read once, and laid out as the loops below want them. ---------------------------------

// Rows of 16-bit integers, each with a scale of its own.
EXPORT(expand)(const short *from, const float *scales, float *to, int rows, int columns) {
  for (int row = 0; row < rows; row++)
    for (int i = 0; i < columns; i++) *to++ = *from++ * scales[row];
}

// A kernel (rows, taps, channels) as panels of eight rows: [rows / 8][taps × pitch][8], zeros in what is filled up.
EXPORT(pack)(const float *from, float *to, int rows, int taps, int channels, int pitch) {
  for (int first = 0; first < rows; first += 8)
    for (int tap = 0; tap < taps; tap++)
      for (int channel = 0; channel < pitch; channel++)
        for (int row = first; row < first + 8; row++)
          *to++ = row < rows && channel < channels ? from[(row * taps + tap) * channels + channel] : 0;
}

// The same kernel for the way back: [taps × pitch / 8][depth][8], where depth is the number of rows or more.
EXPORT(pack_back)(const float *from, float *to, int rows, int taps, int channels, int pitch, int depth) {
  int columns = taps * pitch;
  for (int first = 0; first < columns; first += 8)
    for (int row = 0; row < depth; row++)
      for (int column = first; column < first + 8; column++) {
        int tap = column / pitch, channel = column % pitch;
        int there = row < rows && column < columns && channel < channels;
        *to++ = there ? from[(row * taps + tap) * channels + channel] : 0;
      }
}

// A kernel of one channel each, (channels, taps), as [taps][pitch]; its taps last to first, if asked for.
EXPORT(spread)(const float *from, float *to, int channels, int taps, int pitch, int backwards) {
  for (int tap = 0; tap < taps; tap++)
    for (int channel = 0; channel < pitch; channel++)
      *to++ = channel < channels ? from[channel * taps + (backwards ? taps - 1 - tap : tap)] : 0;
}

// Products of matrices ---------------------------------------------------------------------------

// So many rows of the left matrix, and eight columns: what fits into registers.
INLINE void block(int rows, int depth, const float *left, int left_pitch, const float *panel, const float *bias,
                  float *to, int to_pitch, int columns, int onto, four low, four high) {
  four sums[4][2];
  for (int row = 0; row < rows; row++) {
    sums[row][0] = bias ? load(bias) : all(0);
    sums[row][1] = bias ? load(bias + 4) : all(0);
  }
  for (int i = 0; i < depth; i++, panel += 8) {
    four first = load(panel), second = load(panel + 4);
    for (int row = 0; row < rows; row++) {
      four value = wasm_v128_load32_splat(left + row * left_pitch + i);
      sums[row][0] = MULTIPLY_ADD(value, first, sums[row][0]);
      sums[row][1] = MULTIPLY_ADD(value, second, sums[row][1]);
    }
  }
  for (int row = 0; row < rows; row++) {
    float *place = to + row * to_pitch, rest[8] = {0};
    float *at = columns < 8 ? rest : place;
    if (columns < 8)
      for (int i = 0; i < columns; i++) rest[i] = place[i];
    for (int half = 0; half < 2; half++) {
      four sum = onto ? wasm_f32x4_add(load(at + 4 * half), sums[row][half]) : sums[row][half];
      store(at + 4 * half, bounded(sum, low, high));
    }
    if (columns < 8)
      for (int i = 0; i < columns; i++) place[i] = rest[i];
  }
}

// (rows, depth) times a packed (depth, columns), with a bias, or onto what is there; within bounds.
EXPORT(multiply)(int rows, int columns, int depth, const float *left, int left_pitch, const float *packed,
                 const float *bias, float *to, int to_pitch, int onto, float lowest, float highest) {
  four low = all(lowest), high = all(highest);
  int some = 16384 / depth / 4 * 4;  // rows of the left matrix that stay in the nearest cache
  if (some < 32) some = 32;
  for (int start = 0; start < rows; start += some)
    for (int column = 0; column < columns; column += 8) {
      const float *panel = packed + column * depth, *offset = bias ? bias + column : 0;
      int row = start, end = least(rows, start + some);
      for (; row + 4 <= end; row += 4)
        block(4, depth, left + row * left_pitch, left_pitch, panel, offset, to + row * to_pitch + column, to_pitch,
              columns - column, onto, low, high);
      for (; row < end; row++)
        block(1, depth, left + row * left_pitch, left_pitch, panel, offset, to + row * to_pitch + column, to_pitch,
              columns - column, onto, low, high);
    }
}

// Convolutions of many channels: the windows of one line of the result as rows of a matrix, and back. ----

// Channels are counted from the first of a group; `size` of them are taken at each place.
EXPORT(gather)(const float *image, int height, int width, int pitch, int size, int kernel_h, int kernel_w, int stride,
               int dilation_h, int dilation_w, int top, int left, int windows, float *to) {
  for (int window = 0; window < windows; window++)
    for (int i = 0; i < kernel_h; i++)
      for (int j = 0; j < kernel_w; j++, to += size) {
        int y = i * dilation_h - top, x = window * stride - left + j * dilation_w;
        if (y < 0 || y >= height || x < 0 || x >= width) {
          for (int channel = 0; channel < size; channel++) to[channel] = 0;
          continue;
        }
        const float *from = image + (y * width + x) * pitch;
        int channel = 0;
        for (; channel + 4 <= size; channel += 4) store(to + channel, load(from + channel));
        for (; channel < size; channel++) to[channel] = from[channel];
      }
}

EXPORT(scatter)(float *image, int height, int width, int pitch, int size, int kernel_h, int kernel_w, int stride,
                int dilation_h, int dilation_w, int top, int left, int windows, const float *from, int from_pitch) {
  for (int window = 0; window < windows; window++, from += from_pitch)
    for (int i = 0; i < kernel_h; i++)
      for (int j = 0; j < kernel_w; j++) {
        int y = i * dilation_h - top, x = window * stride - left + j * dilation_w;
        if (y < 0 || y >= height || x < 0 || x >= width) continue;
        const float *at = from + (i * kernel_w + j) * size;
        float *to = image + (y * width + x) * pitch;
        int channel = 0;
        for (; channel + 4 <= size; channel += 4)
          store(to + channel, wasm_f32x4_add(load(to + channel), load(at + channel)));
        for (; channel < size; channel++) to[channel] += at[channel];
      }
}

// Convolutions of one channel each. ----

// Four neighbouring results at once. Outside the image, `zeros` are read; what lies past a line's end goes to `sink`.
INLINE void each_channel(const float *image, int height, int width, int pitch, const float *weights, const float *bias,
                         float *result, int tall, int wide, int kernel, int stride, int top, int left,
                         const float *zeros, float *sink, four low, four high) {
  const float *from[5][11];
  float *to[4];
  for (int y = 0; y < tall; y++)
    for (int x = 0; x < wide; x += 4) {
      for (int i = 0; i < kernel; i++)
        for (int j = 0; j < 3 * stride + kernel; j++) {
          int row = y * stride - top + i, column = x * stride - left + j;
          int outside = row < 0 || row >= height || column < 0 || column >= width;
          from[i][j] = outside ? zeros : image + (row * width + column) * pitch;
        }
      for (int o = 0; o < 4; o++) to[o] = x + o < wide ? result + (y * wide + x + o) * pitch : sink;
      for (int channel = 0; channel < pitch; channel += 4) {
        four sums[4];
        for (int o = 0; o < 4; o++) sums[o] = bias ? load(bias + channel) : all(0);
#pragma unroll
        for (int i = 0; i < kernel; i++) {
          four taps[5];
#pragma unroll
          for (int j = 0; j < kernel; j++) taps[j] = load(weights + (i * kernel + j) * pitch + channel);
#pragma unroll
          for (int j = 0; j < 3 * stride + kernel; j++) {
            four value = load(from[i][j] + channel);
#pragma unroll
            for (int o = 0; o < 4; o++)
              if (j >= o * stride && j < o * stride + kernel)
                sums[o] = MULTIPLY_ADD(value, taps[j - o * stride], sums[o]);
          }
        }
        for (int o = 0; o < 4; o++) store(to[o] + channel, bounded(sums[o], low, high));
      }
    }
}

EXPORT(depthwise)(const float *image, int height, int width, int pitch, const float *weights, const float *bias,
                  float *result, int tall, int wide, int kernel, int stride, int top, int left, const float *zeros,
                  float *sink, float lowest, float highest) {
  four low = all(lowest), high = all(highest);
#define OF(K, S)                   \
  if (kernel == K && stride == S) \
  each_channel(image, height, width, pitch, weights, bias, result, tall, wide, K, S, top, left, zeros, sink, low, high)
  OF(3, 1);
  OF(5, 1);
  OF(3, 2);
  OF(5, 2);
}

// Any kernel, stride and dilation.
EXPORT(depthwise_any)(const float *image, int height, int width, int pitch, const float *weights, const float *bias,
                      float *result, int tall, int wide, int kernel_h, int kernel_w, int stride_h, int stride_w,
                      int dilation_h, int dilation_w, int top, int left, float lowest, float highest) {
  four low = all(lowest), high = all(highest);
  for (int y = 0; y < tall; y++)
    for (int x = 0; x < wide; x++, result += pitch) {
      for (int channel = 0; channel < pitch; channel += 4) store(result + channel, load(bias + channel));
      for (int i = 0; i < kernel_h; i++)
        for (int j = 0; j < kernel_w; j++) {
          int row = y * stride_h - top + i * dilation_h, column = x * stride_w - left + j * dilation_w;
          if (row < 0 || row >= height || column < 0 || column >= width) continue;
          const float *from = image + (row * width + column) * pitch, *taps = weights + (i * kernel_w + j) * pitch;
          for (int channel = 0; channel < pitch; channel += 4)
            store(result + channel, MULTIPLY_ADD(load(from + channel), load(taps + channel), load(result + channel)));
        }
      for (int channel = 0; channel < pitch; channel += 4)
        store(result + channel, bounded(load(result + channel), low, high));
    }
}

// Its way back, onto what is there.
EXPORT(depthwise_back)(const float *gradient, int tall, int wide, int pitch, const float *weights, float *image,
                       int height, int width, int kernel_h, int kernel_w, int stride_h, int stride_w, int dilation_h,
                       int dilation_w, int top, int left) {
  for (int y = 0; y < tall; y++)
    for (int x = 0; x < wide; x++, gradient += pitch)
      for (int i = 0; i < kernel_h; i++)
        for (int j = 0; j < kernel_w; j++) {
          int row = y * stride_h - top + i * dilation_h, column = x * stride_w - left + j * dilation_w;
          if (row < 0 || row >= height || column < 0 || column >= width) continue;
          const float *taps = weights + (i * kernel_w + j) * pitch;
          float *to = image + (row * width + column) * pitch;
          for (int channel = 0; channel < pitch; channel += 4)
            store(to + channel, MULTIPLY_ADD(load(gradient + channel), load(taps + channel), load(to + channel)));
        }
}

// The rest. ----

EXPORT(add)(const float *a, const float *b, float *to, int count, float lowest, float highest) {
  four low = all(lowest), high = all(highest);
  for (int i = 0; i < count; i += 4) store(to + i, bounded(wasm_f32x4_add(load(a + i), load(b + i)), low, high));
}

EXPORT(clip)(const float *from, float *to, int count, float lowest, float highest) {
  four low = all(lowest), high = all(highest);
  for (int i = 0; i < count; i += 4) store(to + i, bounded(load(from + i), low, high));
}

// The gradient before bounds, in its place: nothing comes through where the result is at one.
EXPORT(mask)(float *gradient, const float *result, int count, float lowest, float highest) {
  four low = all(lowest), high = all(highest);
  for (int i = 0; i < count; i += 4) {
    four value = load(result + i), within = wasm_v128_and(wasm_f32x4_gt(value, low), wasm_f32x4_lt(value, high));
    store(gradient + i, wasm_v128_and(load(gradient + i), within));
  }
}

// So many channels of each pixel, from one image into another, or onto what is there.
EXPORT(move)(const float *from, int from_pitch, float *to, int to_pitch, int channels, int pixels, int onto) {
  for (int pixel = 0; pixel < pixels; pixel++, from += from_pitch, to += to_pitch)
    for (int channel = 0; channel < channels; channel++) to[channel] = from[channel] + (onto ? to[channel] : 0);
}

EXPORT(maxpool)(const float *image, int height, int width, int pitch, float *result, int tall, int wide, int kernel_h,
                int kernel_w, int stride_h, int stride_w, int dilation_h, int dilation_w, int top, int left) {
  for (int y = 0; y < tall; y++)
    for (int x = 0; x < wide; x++, result += pitch)
      for (int channel = 0; channel < pitch; channel += 4) {
        four best = all(-__builtin_inff());
        for (int i = 0; i < kernel_h; i++)
          for (int j = 0; j < kernel_w; j++) {
            int row = y * stride_h - top + i * dilation_h, column = x * stride_w - left + j * dilation_w;
            if (row >= 0 && row < height && column >= 0 && column < width)
              best = wasm_f32x4_pmax(best, load(image + (row * width + column) * pitch + channel));
          }
        store(result + channel, best);
      }
}

// Of equal maxima, the first one takes the gradient, as in PyTorch; onto what is there.
EXPORT(maxpool_back)(const float *image, const float *result, const float *gradient, int height, int width, int pitch,
                     float *to, int tall, int wide, int kernel_h, int kernel_w, int stride_h, int stride_w,
                     int dilation_h, int dilation_w, int top, int left) {
  for (int y = 0; y < tall; y++)
    for (int x = 0; x < wide; x++, result += pitch, gradient += pitch)
      for (int channel = 0; channel < pitch; channel += 4) {
        four best = load(result + channel), remains = load(gradient + channel);
        for (int i = 0; i < kernel_h; i++)
          for (int j = 0; j < kernel_w; j++) {
            int row = y * stride_h - top + i * dilation_h, column = x * stride_w - left + j * dilation_w;
            if (row < 0 || row >= height || column < 0 || column >= width) continue;
            int place = (row * width + column) * pitch + channel;
            four here = wasm_f32x4_eq(load(image + place), best);
            store(to + place, wasm_f32x4_add(load(to + place), wasm_v128_and(remains, here)));
            remains = wasm_v128_andnot(remains, here);
          }
      }
}
