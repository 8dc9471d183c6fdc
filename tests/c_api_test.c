/* The C interface, from C: every function, every kind of error. c_api_test.cmake makes the runs that it loads. */
#include "erg_c.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(holds)                                                                                      \
  do {                                                                                                    \
    if (!(holds)) {                                                                                       \
      fprintf(stderr, "line %d: %s does not hold; last error: %s\n", __LINE__, #holds, erg_last_error()); \
      exit(1);                                                                                            \
    }                                                                                                     \
  } while (0)

/* A call fails with this status, and its line names the function and says `words`. */
#define CHECK_FAILS(call, status, words)             \
  do {                                               \
    CHECK((call) == (status));                       \
    CHECK(erg_last_status() == (status));            \
    CHECK(strncmp(erg_last_error(), #call, 8) == 0); \
    CHECK(strstr(erg_last_error(), words) != NULL);  \
    CHECK(strchr(erg_last_error(), '\n') == NULL);   \
  } while (0)

/* The same of a call that returns a value. */
#define CHECK_NONE(call, none, status, words)       \
  do {                                              \
    CHECK((call) == (none));                        \
    CHECK(erg_last_status() == (status));           \
    CHECK(strstr(erg_last_error(), words) != NULL); \
  } while (0)

enum { n = 32, floats = 2 * n };

static int same(const float* a, const float* b) { return memcmp(a, b, floats * sizeof *a) == 0; }

static void errors_of_loading(void) {
  CHECK_NONE(erg_load("runs/none", "cpu"), NULL, ERG_NO_INPUT, "runs/none");
  CHECK_NONE(erg_load("runs/damaged", "cpu"), NULL, ERG_BAD_DATA, "safetensors");
  CHECK_NONE(erg_load(NULL, "cpu"), NULL, ERG_USAGE, "erg_load: directory is NULL");
  CHECK_NONE(erg_load("runs/gan", "abacus"), NULL, ERG_USAGE, "abacus");
  CHECK_NONE(erg_load("runs/gan", "cuda:99"), NULL, ERG_NO_DEVICE, "cuda:99");
  erg_destroy(NULL);
}

static void what_a_run_is(const erg_run* run) {
  int64_t shape[1] = {0};
  CHECK(strcmp(erg_system(run), "gan") == 0 && strcmp(erg_data(run), "25gaussians") == 0);
  CHECK(strcmp(erg_device(run), "cpu") == 0);
  CHECK(erg_sample_rank(run) == 1 && erg_sample_size(run) == 2);
  CHECK(erg_sample_shape(run, shape) == ERG_OK && shape[0] == 2);
  CHECK(erg_space_count(run) == 1 && strcmp(erg_space_name(run, 0), "latent") == 0);
  CHECK(erg_space_size(run, NULL) == 3 && erg_space_size(run, "latent") == 3);

  CHECK(!erg_system(NULL) && !erg_data(NULL) && !erg_device(NULL));
  CHECK_NONE(erg_sample_rank(NULL), -1, ERG_USAGE, "run is NULL");
  CHECK_NONE(erg_sample_size(NULL), -1, ERG_USAGE, "run is NULL");
  CHECK_NONE(erg_space_count(NULL), -1, ERG_USAGE, "run is NULL");
  CHECK_NONE(erg_space_name(run, 1), NULL, ERG_USAGE, "1 spaces");
  CHECK_NONE(erg_space_name(run, -1), NULL, ERG_USAGE, "-1");
  CHECK_NONE(erg_space_size(run, "data"), -1, ERG_USAGE, "gan has latent");
  CHECK_FAILS(erg_sample_shape(run, NULL), ERG_USAGE, "shape is NULL");
  CHECK_FAILS(erg_sample_shape(NULL, shape), ERG_USAGE, "run is NULL");
}

/* The samples are those of `erg sample --n 32 --seed 7`, whose file ends with them. */
static void samples(erg_run* run) {
  float x[floats], again[floats], other[floats], file[floats];
  FILE* npy = fopen("samples.npy", "rb");
  CHECK(npy && fseek(npy, -(long)sizeof file, SEEK_END) == 0 && fread(file, sizeof file, 1, npy) == 1);
  fclose(npy);
  CHECK(erg_sample(run, n, 7, x) == ERG_OK && same(x, file));
  CHECK(erg_sample(run, n, 7, again) == ERG_OK && same(x, again));
  CHECK(erg_sample(run, n, 8, other) == ERG_OK && !same(x, other));
  CHECK(erg_sample(run, 0, 7, other) == ERG_OK && !same(x, other));

  CHECK_FAILS(erg_sample(run, -1, 7, x), ERG_USAGE, "n must be at least 0, got -1");
  CHECK_FAILS(erg_sample(run, INT64_MAX, 7, x), ERG_OUT_OF_MEMORY, "out of memory");
  CHECK_FAILS(erg_sample(run, n, 7, NULL), ERG_USAGE, "out is NULL");
  CHECK_FAILS(erg_sample(NULL, n, 7, x), ERG_USAGE, "run is NULL");
}

/* The gradient against central differences of the energy. At a few points a ReLU's kink lies in between. */
static void energies(erg_run* run, const char* space) {
  const int64_t size = erg_space_size(run, space);
  float x[3 * n], moved[3 * n], e[n], up[n], down[n], beside[n], gradient[3 * n];
  CHECK(size <= 3);
  CHECK(erg_start(run, space, n, 1, x) == ERG_OK);
  CHECK(erg_energy(run, space, n, x, e) == ERG_OK);
  CHECK(erg_energy_gradient(run, space, n, x, beside, gradient) == ERG_OK);
  CHECK(memcmp(e, beside, sizeof e) == 0);
  const float h = 1e-3f;
  for (int64_t k = 0; k < size; ++k) {
    for (int side = -1; side <= 1; side += 2) {
      memcpy(moved, x, sizeof x);
      for (int64_t i = 0; i < n; ++i) moved[i * size + k] += (float)side * h;
      CHECK(erg_energy(run, space, n, moved, side < 0 ? down : up) == ERG_OK);
    }
    float error = 0;
    for (int64_t i = 0; i < n; ++i) error += fabsf((up[i] - down[i]) / (2 * h) - gradient[i * size + k]) / n;
    CHECK(error < 1e-2f);
  }

  CHECK_FAILS(erg_start(run, "elsewhere", n, 1, x), ERG_USAGE, "elsewhere");
  CHECK_FAILS(erg_start(run, space, -2, 1, x), ERG_USAGE, "-2");
  CHECK_FAILS(erg_start(run, space, n, 1, NULL), ERG_USAGE, "x is NULL");
  CHECK_FAILS(erg_energy(run, "elsewhere", n, x, e), ERG_USAGE, "elsewhere");
  CHECK_FAILS(erg_energy(run, space, -2, x, e), ERG_USAGE, "-2");
  CHECK_FAILS(erg_energy(run, space, n, NULL, e), ERG_USAGE, "x is NULL");
  CHECK_FAILS(erg_energy(run, space, n, x, NULL), ERG_USAGE, "energies is NULL");
  CHECK_FAILS(erg_energy_gradient(run, "elsewhere", n, x, e, gradient), ERG_USAGE, "elsewhere");
  CHECK_FAILS(erg_energy_gradient(run, space, -2, x, e, gradient), ERG_USAGE, "-2");
  CHECK_FAILS(erg_energy_gradient(run, space, n, NULL, e, gradient), ERG_USAGE, "x is NULL");
  CHECK_FAILS(erg_energy_gradient(run, space, n, x, NULL, gradient), ERG_USAGE, "energies is NULL");
  CHECK_FAILS(erg_energy_gradient(run, space, n, x, e, NULL), ERG_USAGE, "gradients is NULL");
  CHECK_FAILS(erg_energy_gradient(NULL, space, n, x, e, gradient), ERG_USAGE, "run is NULL");
}

/* The samples that points stand for: in data space, the points. */
static void samples_of_points(erg_run* gan, erg_run* ebm) {
  float z[3 * n], x[floats], there[floats], none[floats] = {0};
  CHECK(erg_start(gan, NULL, n, 1, z) == ERG_OK);
  CHECK(erg_samples_of(gan, "latent", n, z, x) == ERG_OK && !same(x, none));
  CHECK(erg_start(ebm, NULL, n, 1, x) == ERG_OK);
  CHECK(erg_samples_of(ebm, "data", n, x, there) == ERG_OK && same(x, there));
  CHECK_FAILS(erg_samples_of(gan, "data", n, z, x), ERG_USAGE, "gan has latent");
  CHECK_FAILS(erg_samples_of(gan, NULL, n, NULL, x), ERG_USAGE, "x is NULL");
  CHECK_FAILS(erg_samples_of(gan, NULL, n, z, NULL), ERG_USAGE, "samples is NULL");
}

static void chains(erg_run* run) {
  const int64_t size = erg_space_size(run, NULL);
  float start[3 * n] = {0}, whole[3 * n], parts[3 * n];
  CHECK(erg_start(run, NULL, n, 1, start) == ERG_OK);
  memcpy(whole, start, sizeof start);
  memcpy(parts, start, sizeof start);
  CHECK(erg_langevin(run, NULL, NULL, n, 0, 60, 5, whole) == ERG_OK);
  CHECK(memcmp(whole, start, sizeof start) != 0);
  CHECK(erg_langevin(run, NULL, NULL, n, 0, 25, 5, parts) == ERG_OK);
  CHECK(erg_langevin(run, NULL, NULL, n, 25, 35, 5, parts) == ERG_OK);
  CHECK(memcmp(whole, parts, sizeof whole) == 0);

  erg_step step = erg_step_exact(0.01f);
  step.low = -0.5f, step.high = 0.5f;
  CHECK(erg_langevin(run, NULL, &step, n, 0, 3, 5, parts) == ERG_OK);
  for (int64_t i = 0; i < n * size; ++i) CHECK(fabsf(parts[i]) <= 0.5f);

  memcpy(parts, start, sizeof start);
  CHECK(erg_langevin(run, NULL, NULL, n, 0, 0, 5, parts) == ERG_OK);
  CHECK_FAILS(erg_langevin(run, NULL, NULL, n, 0, -1, 5, parts), ERG_USAGE, "steps must be at least 0");
  CHECK_FAILS(erg_langevin(run, NULL, NULL, n, -1, 1, 5, parts), ERG_USAGE, "first must be at least 0");
  CHECK_FAILS(erg_langevin(run, NULL, NULL, n, UINT32_MAX, 1, 5, parts), ERG_USAGE, "2^32");
  CHECK_FAILS(erg_langevin(run, NULL, NULL, n, 0, 1, 5, NULL), ERG_USAGE, "x is NULL");
  CHECK_FAILS(erg_langevin(run, "elsewhere", NULL, n, 0, 1, 5, parts), ERG_USAGE, "elsewhere");
  CHECK_FAILS(erg_langevin(NULL, NULL, NULL, n, 0, 1, 5, parts), ERG_USAGE, "run is NULL");
  step = erg_step_exact(0);
  CHECK_FAILS(erg_langevin(run, NULL, &step, n, 0, 1, 5, parts), ERG_USAGE, "the step must be positive");
  step = erg_step_exact(1e38f);
  CHECK_FAILS(erg_langevin(run, NULL, &step, n, 0, 50, 5, parts), ERG_DIVERGED, "chain");
  CHECK(memcmp(parts, start, sizeof start) == 0);
}

/* ---- Energies of one's own */

static int of_run(void* run, int64_t count, const float* x, float* e, float* gradients) {
  return erg_energy_gradient(run, NULL, count, x, e, gradients);
}

/* E = x^2/2, which stops with *user, if that is not 0. */
static int gaussian(void* user, int64_t count, const float* x, float* e, float* gradients) {
  for (int64_t i = 0; i < count; ++i) {
    e[i] = x[i] * x[i] / 2;
    gradients[i] = x[i];
  }
  return *(const int*)user;
}

static int infinite(void* user, int64_t count, const float* x, float* e, float* gradients) {
  (void)user;
  for (int64_t i = 0; i < count; ++i) {
    e[i] = INFINITY;
    gradients[i] = x[i];
  }
  return 0;
}

static void chains_on_own_energies(erg_run* gan) {
  float built_in[3 * n], called[3 * n];
  erg_step step = erg_step_exact(0.005f);
  CHECK(erg_start(gan, NULL, n, 1, built_in) == ERG_OK);
  memcpy(called, built_in, sizeof called);
  CHECK(erg_langevin(gan, NULL, &step, n, 0, 40, 5, built_in) == ERG_OK);
  CHECK(erg_langevin_on(of_run, gan, &step, n, 3, 0, 40, 5, called) == ERG_OK);
  CHECK(memcmp(called, built_in, sizeof called) == 0);

  enum { many = 20000 };
  static float x[many], before[many];
  int code = 0;
  step = erg_step_exact(0.2f);
  CHECK(erg_langevin_on(gaussian, &code, &step, many, 1, 0, 60, 9, x) == ERG_OK);
  double variance = 0;
  for (int i = 0; i < many; ++i) variance += (double)x[i] * x[i] / many;
  CHECK(fabs(variance - 1 / (1 - 0.2 / 2)) < 0.05); /* the step's own bias; a deviation is 0.011 */

  memcpy(before, x, sizeof x);
  code = 7;
  CHECK_FAILS(erg_langevin_on(gaussian, &code, &step, many, 1, 0, 5, 9, x), ERG_STOPPED, "the callback returned 7");
  CHECK_FAILS(erg_langevin_on(infinite, NULL, &step, many, 1, 0, 5, 9, x), ERG_DIVERGED, "energy");
  CHECK_FAILS(erg_langevin_on(NULL, NULL, &step, many, 1, 0, 5, 9, x), ERG_USAGE, "energy is NULL");
  CHECK_FAILS(erg_langevin_on(gaussian, &code, NULL, many, 1, 0, 5, 9, x), ERG_USAGE, "step is NULL");
  CHECK_FAILS(erg_langevin_on(gaussian, &code, &step, -1, 1, 0, 5, 9, x), ERG_USAGE, "n must be at least 0");
  CHECK_FAILS(erg_langevin_on(gaussian, &code, &step, many, -1, 0, 5, 9, x), ERG_USAGE, "size must be at least 0");
  CHECK_FAILS(erg_langevin_on(gaussian, &code, &step, many, 1, 0, 5, 9, NULL), ERG_USAGE, "x is NULL");
  CHECK(memcmp(x, before, sizeof x) == 0);
}

/* ---- Threads */

typedef struct work {
  const char* run;
  float samples[floats], chains[3 * n];
} work;

static void* do_work(void* argument) {
  work* w = argument;
  CHECK(strcmp(erg_last_error(), "") == 0 && erg_last_status() == ERG_OK); /* others have failed: not this thread */
  erg_run* run = erg_load(w->run, "cpu");
  CHECK(run);
  CHECK(erg_sample(run, n, 3, w->samples) == ERG_OK);
  CHECK(erg_start(run, NULL, n, 3, w->chains) == ERG_OK);
  CHECK(erg_langevin(run, NULL, NULL, n, 0, 50, 3, w->chains) == ERG_OK);
  CHECK_NONE(erg_load("runs/none", "cpu"), NULL, ERG_NO_INPUT, "none");
  erg_destroy(run);
  return NULL;
}

static void threads(void) {
  static work together[2] = {{.run = "runs/gan"}, {.run = "runs/ebm"}},
              alone[2] = {{.run = "runs/gan"}, {.run = "runs/ebm"}};
  pthread_t thread[2];
  for (int i = 0; i < 2; ++i) CHECK(pthread_create(&thread[i], NULL, do_work, &together[i]) == 0);
  for (int i = 0; i < 2; ++i) CHECK(pthread_join(thread[i], NULL) == 0);
  for (int i = 0; i < 2; ++i) {
    CHECK(pthread_create(&thread[i], NULL, do_work, &alone[i]) == 0 && pthread_join(thread[i], NULL) == 0);
    CHECK(same(together[i].samples, alone[i].samples));
    CHECK(memcmp(together[i].chains, alone[i].chains, sizeof alone[i].chains) == 0);
  }
}

int main(void) {
  CHECK(strcmp(erg_version(), EXPECTED_VERSION) == 0);
  CHECK(strcmp(erg_last_error(), "") == 0 && erg_last_status() == ERG_OK);
  errors_of_loading();
  erg_run *gan = erg_load("runs/gan", "cpu"), *ebm = erg_load("runs/ebm", NULL);
  CHECK(gan && ebm);
  CHECK(erg_last_status() == ERG_NO_DEVICE); /* a success leaves the last failure alone */
  what_a_run_is(gan);
  samples(gan);
  energies(gan, "latent");
  energies(ebm, NULL);
  samples_of_points(gan, ebm);
  chains(gan);
  chains(ebm);
  chains_on_own_energies(gan);
  threads();
  erg_destroy(ebm);
  erg_destroy(gan);
  puts("passed");
  return 0;
}
