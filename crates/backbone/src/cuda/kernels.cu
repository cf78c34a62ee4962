// In-place bias, activation, residual sum and scaling, and depthwise convolution, on a GPU. Compiled by NVRTC
// at the first use. 16-bit floats are converted by hand, because NVRTC comes without the headers for them.

struct bf16 { unsigned short bits; };
struct f16 { unsigned short bits; };

__device__ inline float get(float x) { return x; }
__device__ inline float get(bf16 x) { return __uint_as_float((unsigned)x.bits << 16); }
__device__ inline float get(f16 x) {
    float y;
    asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits));
    return y;
}

__device__ inline void put(float *to, float x) { *to = x; }
__device__ inline void put(bf16 *to, float x) {
    // Round to nearest, ties to even.
    unsigned bits = __float_as_uint(x);
    to->bits = (unsigned short)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}
__device__ inline void put(f16 *to, float x) {
    unsigned short bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
    to->bits = bits;
}

// 0: none, 1: ReLU, 2: hard swish, 3: ReLU6.
__device__ inline float activated(float x, unsigned activation) {
    if (activation == 1) return fmaxf(x, 0.0f);
    if (activation == 3) return fminf(fmaxf(x, 0.0f), 6.0f);
    if (activation == 2) return x * fminf(fmaxf(x / 6.0f + 0.5f, 0.0f), 1.0f);
    return x;
}

#define EACH(i, count) \
    for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x)

template <typename T>
__device__ void add_bias(T *x, const T *bias, unsigned count, unsigned plane, unsigned channels,
                         unsigned activation) {
    EACH(i, count) put(&x[i], activated(get(x[i]) + get(bias[i / plane % channels]), activation));
}

template <typename T>
__device__ void add(T *x, const T *y, unsigned count, unsigned activation) {
    EACH(i, count) put(&x[i], activated(get(x[i]) + get(y[i]), activation));
}

template <typename T>
__device__ void scale(T *x, const T *factors, unsigned count, unsigned plane) {
    EACH(i, count) put(&x[i], get(x[i]) * get(factors[i / plane]));
}

// A thread for each value of the result.
template <typename T>
__device__ void depthwise(T *out, const T *x, const T *kernel, unsigned count, unsigned channels,
                          unsigned h, unsigned w, unsigned out_h, unsigned out_w, unsigned k,
                          unsigned stride, unsigned before) {
    EACH(i, count) {
        unsigned column = i % out_w, row = i / out_w % out_h, plane = i / out_w / out_h;
        const T *picture = x + (size_t)plane * h * w;
        const T *weights = kernel + plane % channels * k * k;
        float sum = 0.0f;
        for (unsigned ky = 0; ky < k; ky++) {
            unsigned y = row * stride + ky - before; // above the picture: beyond any height
            if (y >= h) continue;
            for (unsigned kx = 0; kx < k; kx++) {
                unsigned at = column * stride + kx - before;
                if (at < w) sum += get(weights[ky * k + kx]) * get(picture[y * w + at]);
            }
        }
        put(&out[i], sum);
    }
}

#define OF(T, N)                                                                                   \
    extern "C" __global__ void add_bias_##N(T *x, const T *bias, unsigned count, unsigned plane,   \
                                            unsigned channels, unsigned activation) {              \
        add_bias(x, bias, count, plane, channels, activation);                                     \
    }                                                                                              \
    extern "C" __global__ void add_##N(T *x, const T *y, unsigned count, unsigned activation) {    \
        add(x, y, count, activation);                                                              \
    }                                                                                              \
    extern "C" __global__ void scale_##N(T *x, const T *factors, unsigned count, unsigned plane) { \
        scale(x, factors, count, plane);                                                           \
    }                                                                                              \
    extern "C" __global__ void depthwise_##N(                                                      \
        T *out, const T *x, const T *kernel, unsigned count, unsigned channels, unsigned h,        \
        unsigned w, unsigned out_h, unsigned out_w, unsigned k, unsigned stride,                   \
        unsigned before) {                                                                         \
        depthwise(out, x, kernel, count, channels, h, w, out_h, out_w, k, stride, before);         \
    }

OF(float, f32)
OF(bf16, bf16)
OF(f16, f16)
