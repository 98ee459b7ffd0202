/* One training step of error-correction networks as one would write it in C by hand: the floor.

   A member's weights are one matrix W of N + p rows, N the state's n rounded up to whole vectors,
   over the columns  s (N) | psi (p) | u (m) | 1 :  rows 0..n hold A, D, B and c, rows N..N+p hold
   C in their first columns. Row t of `x` is what enters step t, row t of `slope` the gradient at
   what leaves it:  x[t] = s[t-1], psi(e[t-1]), u[t], 1  and  slope[t] = delta[t], dy[t-1].  Then

       s[t] = tanh(W x[t]),   delta[t+1] W = gradient at s[t] and psi(e[t]),   dW = slope' x.

   Windows run in lanes of a few rows; `group` lanes go through time side by side, so that the
   processor has something else to do while it waits for one of them. */

#include <math.h>
#include <stddef.h>
#include <string.h>

#if defined(__AVX512F__)
#define LANES 16
#define ROWS 8
#elif defined(__AVX__)
#define LANES 8
#define ROWS 4
#else
#define LANES 4
#define ROWS 4
#endif
#define TILE 2
#define FEW 4 /* outputs up to which a read-out is a sum along the state */
#define CHUNK 128 /* rows whose weight gradients are summed at once */

typedef float vec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int ivec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
#define INLINE static inline __attribute__((always_inline))
#define LOAD(p) (*(const vec *)(p))
#define STORE(p, v) (*(vec *)(p) = (v))

struct shape {
    int n, N, p, m, wide, tall, steps, context, rows, lanes, per_member, members, group;
    float rate;
};

struct member {
    float *w, *grad, *first, *second, *forth, *read;
    const float *mask; /* of W, or null */
    double loss;
};

struct lane {
    const float *inputs, *targets; /* (T, rows, m), (T, rows, p) */
};

struct slot {
    float *x, *slope, *work, *error;
};

int lanes(void) { return LANES; }

INLINE vec splat(float value) { return value - (vec){0}; }

/* tanh a = expm1(2a) / (expm1(2a) + 2), to float's accuracy. */
INLINE vec tanh_of(vec x) {
    ivec sign = (ivec)x & (int)0x80000000u;
    vec a = (vec)((ivec)x & 0x7fffffff), nine = splat(9.0f);
    ivec small = a < nine;
    a = (vec)(((ivec)a & small) | ((ivec)nine & ~small));
    vec y = a + a;
    ivec k = __builtin_convertvector(y * 1.44269504f + 0.5f, ivec);
    vec whole = __builtin_convertvector(k, vec);
    vec f = y - whole * 0.693359375f + whole * 2.12194440e-4f;
    vec poly = ((((f * 1.3888889e-3f + 8.3333333e-3f) * f) + 4.1666667e-2f) * f + 0.16666667f) * f;
    vec e = (poly + 0.5f) * (f * f) + f, s = (vec)((k + 127) << 23);
    vec t = s * e + (s - 1.0f);
    return (vec)((ivec)(t / (t + 2.0f)) | sign);
}

INLINE float sum(vec v) {
    float total[LANES];
    STORE(total, v);
    float found = 0;
    for (int i = 0; i < LANES; i++) found += total[i];
    return found;
}

enum mode { SET, ADD, TANH };

/* out[r][v] (+)= sum over k of a[r * across + k * along] * w[k * stride + v], k from `begin` on
   around `count`: what is known early comes first. */
INLINE void tile(const int rows, const int nv, const enum mode mode, const float *a, size_t across,
                 size_t along, int count, int begin, const float *w, size_t stride, float *out,
                 size_t out_stride) {
    const int ways = rows == 1 ? 8 / nv : 1;
    vec acc[8][ROWS][TILE];
#pragma GCC unroll 8
    for (int u = 0; u < ways; u++)
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
            for (int v = 0; v < nv; v++)
                acc[u][r][v] = mode == ADD && u == 0 ? LOAD(out + r * out_stride + v * LANES)
                                                     : splat(0);
    for (int part = 0; part < 2; part++) {
        int k = part ? 0 : begin, end = part ? begin : count;
        for (; k + ways <= end; k += ways)
#pragma GCC unroll 8
            for (int u = 0; u < ways; u++)
#pragma GCC unroll 8
                for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
                    for (int v = 0; v < nv; v++)
                        acc[u][r][v] += a[r * across + (k + u) * along] *
                                        LOAD(w + (k + u) * stride + v * LANES);
        if (ways > 1)
            for (; k < end; k++)
#pragma GCC unroll 2
                for (int v = 0; v < nv; v++)
                    acc[0][0][v] += a[k * along] * LOAD(w + k * stride + v * LANES);
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (int v = 0; v < nv; v++) {
            vec total = acc[0][r][v];
            if (ways == 4) total = (total + acc[1][r][v]) + (acc[2][r][v] + acc[3][r][v]);
            if (ways == 8)
                total = ((total + acc[1][r][v]) + (acc[2][r][v] + acc[3][r][v])) +
                        ((acc[4][r][v] + acc[5][r][v]) + (acc[6][r][v] + acc[7][r][v]));
            STORE(out + r * out_stride + v * LANES, mode == TANH ? tanh_of(total) : total);
        }
}

#define CASE(R, V) tile(R, V, mode, a, across, along, count, begin, w, stride, out, out_stride)
#define ROW_CASE(V)                                                                               \
    (left >= ROWS ? (CASE(ROWS, V), ROWS)                                                         \
                  : left >= 4 ? (CASE(4, V), 4) : left >= 2 ? (CASE(2, V), 2) : (CASE(1, V), 1))

/* A product of any size; the panels of w, TILE vectors wide, lie `panel` apart, or in the rows of
   an ordinary matrix where `panel` is 0. */
INLINE void product(const enum mode mode, int rows, int vectors, const float *a, size_t across,
                    const size_t along, int count, int begin, const float *weights, size_t stride,
                    size_t panel, float *result, size_t out_stride) {
    for (int v = 0; v < vectors; v += TILE) {
        const float *first = a, *w = panel ? weights + v / TILE * panel : weights + v * LANES;
        float *out = result + v * LANES;
        for (int left = rows, done; left > 0; left -= done) {
            const float *a = first;
            done = vectors - v >= TILE ? ROW_CASE(TILE) : ROW_CASE(1);
            first += done * across;
            out += done * out_stride;
        }
    }
}

static void forward(const struct shape *sh, struct member *net, const struct lane *lane,
                    const struct slot *slot, int t) {
    const int p = sh->p, N = sh->N, rows = sh->rows, wide = sh->wide, count = rows * p;
    const float *x = slot->x + (size_t)t * rows * wide;
    float *next = slot->x + (size_t)(t + 1) * rows * wide, *error = slot->error;
    float *slope = slot->slope + (size_t)(t + 1) * rows * sh->tall + N;
    const int inputs = N + p, columns = inputs + sh->m + 1;
    product(TANH, rows, N / LANES, x, wide, 1, columns, inputs, net->forth, TILE * LANES,
            (size_t)columns * TILE * LANES, next, wide);
    if (p > FEW) {
        const int padded = (p + LANES - 1) / LANES * LANES;
        product(SET, rows, padded / LANES, next, wide, 1, N, 0, net->read, padded, 0, slot->work,
                padded);
        for (int r = 0; r < rows; r++) memcpy(error + r * p, slot->work + r * padded, p * 4);
    } else
        for (int r = 0; r < rows; r++)
            for (int k = 0; k < p; k++) {
                const float *s = next + (size_t)r * wide, *c = net->w + (size_t)(N + k) * wide;
                vec even = splat(0), odd = splat(0);
                int j = 0;
                for (; j + 2 * LANES <= N; j += 2 * LANES) {
                    even += LOAD(s + j) * LOAD(c + j);
                    odd += LOAD(s + j + LANES) * LOAD(c + j + LANES);
                }
                if (j < N) even += LOAD(s + j) * LOAD(c + j);
                error[r * p + k] = sum(even + odd);
            }
    const float scale = 2.0f / ((float)sh->steps * rows * sh->per_member * p);
    const float *target = lane->targets + (size_t)t * count;
    float squares = 0;
    for (int i = 0; i < count; i++) {
        error[i] -= target[i];
        squares += error[i] * error[i];
        slope[(size_t)(i / p) * sh->tall + i % p] = scale * error[i];
    }
    net->loss += squares;
    if (t < sh->context) /* beyond, psi stays zero */
        for (int i = 0; i < count; i += LANES) STORE(error + i, tanh_of(LOAD(error + i)));
    for (int r = 0; r < rows; r++)
        for (int k = 0; k < p; k++)
            next[(size_t)r * wide + N + k] = t < sh->context ? error[r * p + k] : 0;
}

static void backward(const struct shape *sh, struct member *net, const struct slot *slot, int t) {
    const int p = sh->p, N = sh->N, rows = sh->rows, wide = sh->wide, tall = sh->tall;
    const float *s = slot->x + (size_t)(t + 1) * rows * wide, *c = net->w + (size_t)N * wide;
    float *later = slot->slope + (size_t)(t + 1) * rows * tall, *work = slot->work;
    float *now = slot->slope + (size_t)t * rows * tall;
    if (t + 1 < sh->steps)
        product(SET, rows, tall / LANES, later, tall, 1, sh->n, 0, net->w, wide, 0, work, tall);
    else
        memset(work, 0, (size_t)rows * tall * 4);
    for (int r = 0; r < rows && t < sh->context; r++)
        for (int k = 0; k < p; k++) {
            float psi = s[(size_t)r * wide + N + k];
            later[(size_t)r * tall + N + k] += work[(size_t)r * tall + N + k] * (1 - psi * psi);
        }
    if (p > FEW)
        product(ADD, rows, N / LANES, later + N, tall, 1, p, 0, c, wide, 0, work, tall);
    for (int r = 0; r < rows; r++)
        for (int j = 0; j < N; j += LANES) {
            vec g = LOAD(work + (size_t)r * tall + j), state = LOAD(s + (size_t)r * wide + j);
            if (p <= FEW)
                for (int k = 0; k < p; k++)
                    g += later[(size_t)r * tall + N + k] * LOAD(c + (size_t)k * wide + j);
            STORE(now + (size_t)r * tall + j, g - g * state * state);
        }
}

static void gradient(const struct shape *sh, struct member *net, const struct slot *slot, int t,
                     int end) {
    const int wide = sh->wide, tall = sh->tall, first = t * sh->rows;
    product(ADD, sh->N + sh->p, wide / LANES, slot->slope + (size_t)first * tall, 1, tall,
            (end - t) * sh->rows, 0, slot->x + (size_t)first * wide, wide, 0, net->grad, wide);
}

/* Lay W out as the forward product reads it. */
void pack(const struct shape *sh, struct member *net) {
    const int columns = sh->N + sh->p + sh->m + 1, padded = (sh->p + LANES - 1) / LANES * LANES;
    for (int i = 0; i < sh->n; i++) {
        float *to = net->forth + (size_t)(i / (TILE * LANES)) * columns * TILE * LANES;
        for (int k = 0; k < columns; k++)
            to[k * TILE * LANES + i % (TILE * LANES)] = net->w[(size_t)i * sh->wide + k];
    }
    for (int k = 0; k < sh->p && sh->p > FEW; k++)
        for (int j = 0; j < sh->N; j++)
            net->read[(size_t)j * padded + k] = net->w[(size_t)(sh->N + k) * sh->wide + j];
}

static void adam(const struct shape *sh, struct member *net, long step) {
    const size_t size = (size_t)(sh->N + sh->p) * sh->wide;
    const float pace = sh->rate / (1 - pow(0.9, step)), root = 1 / sqrt(1 - pow(0.999, step));
    float *w = net->w, *m = net->first, *v = net->second, *grad = net->grad;
    if (net->mask)
        for (size_t i = 0; i < size; i++) grad[i] *= net->mask[i];
    for (size_t i = 0; i < size; i++) {
        m[i] += 0.1f * (grad[i] - m[i]);
        v[i] += 0.001f * (grad[i] * grad[i] - v[i]);
        w[i] -= pace * m[i] / (sqrtf(v[i]) * root + 1e-8f);
        grad[i] = 0;
    }
}

void train(const struct shape *sh, struct member *nets, const struct lane *all,
           const struct slot *slots, long step) {
    const int T = sh->steps, rows = sh->rows, span = rows < CHUNK ? CHUNK / rows : 1;
    for (int e = 0; e < sh->members; e++) nets[e].loss = 0;
    for (int first = 0; first < sh->lanes; first += sh->group) {
        const int some = sh->lanes - first < sh->group ? sh->lanes - first : sh->group;
        for (int l = 0; l < some; l++)
            for (int i = 0; i < T * rows; i++)
                memcpy(slots[l].x + (size_t)i * sh->wide + sh->N + sh->p,
                       all[first + l].inputs + (size_t)i * sh->m, sh->m * 4);
        for (int t = 0; t < T; t++)
            for (int l = 0; l < some; l++)
                forward(sh, nets + (first + l) / sh->per_member, all + first + l, slots + l, t);
        for (int t = T - 1; t >= -1; t--)
            for (int l = 0; l < some; l++) {
                struct member *net = nets + (first + l) / sh->per_member;
                if (t >= 0) backward(sh, net, slots + l, t);
                if ((t + 1) % span == 0)
                    gradient(sh, net, slots + l, t + 1, t + 1 + span < T + 1 ? t + 1 + span : T + 1);
            }
    }
    for (int e = 0; e < sh->members; e++) {
        nets[e].loss /= (double)T * rows * sh->per_member * sh->p;
        adam(sh, nets + e, step);
        pack(sh, nets + e);
    }
}
