/* erg for C, and for every language that calls C: a trained run is loaded, asked for samples, energies and gradients,
 * and followed by Langevin chains. So is an energy of your own.
 *
 *   erg_run* run = erg_load("runs/digits", "auto");
 *   if (!run) fprintf(stderr, "%s\n", erg_last_error());
 *
 * Arrays are the caller's, in host memory wherever the run computes: floats, row-major, n samples or points one after
 * the other, images as height, width, channel. Counts are 64 bits wide. `seed` decides all that is random: the same
 * seed gives the same bits on the same device, on any number of threads.
 *
 * A function that returns int returns an erg_status, and where it fails leaves a message for erg_last_error; what it
 * would have written is then unspecified, unless it says otherwise. A NULL that is not allowed, or a negative count, is
 * ERG_USAGE. No C++ exception leaves the library.
 *
 * A run is used by one thread at a time; different runs by different threads as they please. There is nothing to
 * initialise, and nothing global but each thread's last error. */
#ifndef ERG_C_H
#define ERG_C_H

#include <stdint.h>

#if defined(__GNUC__)
#define ERG_API __attribute__((visibility("default")))
#else
#define ERG_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The exit codes of the erg program, as far as they can come here. */
typedef enum erg_status {
  ERG_OK = 0,
  ERG_STOPPED = 1,        /* a callback returned something else than 0 */
  ERG_INTERNAL = 2,       /* what nobody foresaw */
  ERG_USAGE = 64,         /* a wrong argument */
  ERG_BAD_DATA = 65,      /* a damaged or foreign file */
  ERG_NO_INPUT = 66,      /* a file or folder that is not there */
  ERG_NO_DEVICE = 69,     /* a GPU that is not there */
  ERG_OUT_OF_MEMORY = 75, /* ask for less at a time */
  ERG_DIVERGED = 76       /* a chain left the finite numbers */
} erg_status;

/* The library's version, "0.1.0". */
ERG_API const char* erg_version(void);
/* The last failure on this thread in one line, "" before the first. It stays until the next failure; a success leaves
 * it alone. The text is this thread's, and may change with its next call. */
ERG_API const char* erg_last_error(void);
/* The status of that failure, ERG_OK before the first: for functions that return no status. */
ERG_API int erg_last_status(void);

/* ---- A trained run */

/* A run directory of `erg train`, at its newest checkpoint. */
typedef struct erg_run erg_run;

/* Loads a run. device: "cpu", "cuda", "cuda:1", or "auto", a GPU if there is one; NULL is "auto". It need not be the
 * one that the run was trained on. Returns NULL on failure: ERG_NO_INPUT, ERG_BAD_DATA, ERG_USAGE (settings this
 * version does not know, or an unknown word for a device), ERG_NO_DEVICE. */
ERG_API erg_run* erg_load(const char* directory, const char* device);
/* Frees a run. NULL is allowed. */
ERG_API void erg_destroy(erg_run* run);

/* What was trained ("gan"), on which data ("mnist"), and where it computes ("cpu", "cuda:0"). The text lives as long as
 * the run. NULL for a NULL run. */
ERG_API const char* erg_system(const erg_run* run);
ERG_API const char* erg_data(const erg_run* run);
ERG_API const char* erg_device(const erg_run* run);

/* ---- Samples */

/* One sample's number of dimensions: 1 for a point, [2]; 3 for an image, [height, width, channels]. -1 on failure. */
ERG_API int erg_sample_rank(const erg_run* run);
/* Writes one sample's erg_sample_rank(run) dimensions. */
ERG_API int erg_sample_shape(const erg_run* run, int64_t* shape);
/* The number of floats in one sample: the product of those. -1 on failure. */
ERG_API int64_t erg_sample_size(const erg_run* run);

/* Draws n samples by the system's own way, such as its generator: out [n, sample]. Images are in [-1, 1]. These are
 * the samples of `erg sample RUN --n n --seed seed`. ERG_USAGE of a system without samples (a classifier). */
ERG_API int erg_sample(erg_run* run, int64_t n, uint64_t seed, float* out);

/* ---- Energies: p(x) is proportional to exp(-E(x))
 *
 * A run has none, one or several laws that chains can follow, each in a space: "latent", the generator's input, or
 * "data", the samples themselves. `space` is such a name; NULL is the first, which the system's paper samples. An
 * unknown one is ERG_USAGE. */

/* How many spaces there are (-1 on failure), and the name of one of them; NULL for an index there is not. */
ERG_API int erg_space_count(const erg_run* run);
ERG_API const char* erg_space_name(const erg_run* run, int index);
/* The number of floats in one point of a space. -1 on failure. */
ERG_API int64_t erg_space_size(const erg_run* run, const char* space);

/* Where the system's chains begin, such as the generator's prior: n points, x [n, point]. */
ERG_API int erg_start(erg_run* run, const char* space, int64_t n, uint64_t seed, float* x);
/* What points x [n, point] stand for: samples [n, sample]. The generator's output of latent ones, data as it is. */
ERG_API int erg_samples_of(erg_run* run, const char* space, int64_t n, const float* x, float* samples);

/* The energies [n] of points x [n, point]. What is not finite is returned as it is. */
ERG_API int erg_energy(erg_run* run, const char* space, int64_t n, const float* x, float* energies);
/* The same, and each one's gradient dE/dx: gradients [n, point]. */
ERG_API int erg_energy_gradient(erg_run* run, const char* space, int64_t n, const float* x, float* energies,
                                float* gradients);

/* ---- Langevin chains */

/* The constants of a step, x <- clamp(x - drift * clip(dE/dx) + noise * xi), where xi is N(0, I). It follows the law
 * exp(-E/T) with T = noise^2 / (2 drift), exactly as drift goes to 0. */
typedef struct erg_step {
  float drift;     /* above 0 */
  float noise;     /* at least 0 */
  float low, high; /* x is kept in between; -INFINITY and INFINITY: anywhere */
  float clip;      /* bound of each element of the gradient; INFINITY: none */
} erg_step;

/* drift = eta, noise = sqrt(2 eta): temperature one, no bounds. */
ERG_API erg_step erg_step_exact(float eta);

/* Moves n chains at x [n, point] `steps` steps along a run's law, in place; step NULL takes one that suits it. Their
 * noise is that of steps first, first + 1, ... of the seed's: steps 0 to 99 at once have the bits of 0 to 49 and then
 * 50 to 99. first and steps add up to less than 2^32. On failure x is as it was: ERG_DIVERGED, and the message names
 * step and chain; ERG_USAGE for constants that make no step. */
ERG_API int erg_langevin(erg_run* run, const char* space, const erg_step* step, int64_t n, int64_t first, int64_t steps,
                         uint64_t seed, float* x);

/* An energy of your own: writes E of n points x [n, size] and dE/dx, energies [n] and gradients [n, size]. `user` is
 * the pointer that was given with it. Returns 0, or something else to stop. It is called on the caller's thread. */
typedef int (*erg_energy_callback)(void* user, int64_t n, const float* x, float* energies, float* gradients);

/* The same on an energy of your own, on the CPU: x [n, size], and `step` must be given. On failure x is as it was, also
 * for ERG_STOPPED. */
ERG_API int erg_langevin_on(erg_energy_callback energy, void* user, const erg_step* step, int64_t n, int64_t size,
                            int64_t first, int64_t steps, uint64_t seed, float* x);

#ifdef __cplusplus
}
#endif

#endif
