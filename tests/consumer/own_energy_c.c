/* From C: samples of a run that `erg train` left, if one is given, and chains on an energy of one's own. */
#include <erg_c.h>
#include <math.h>
#include <stdio.h>

/* E = 4 sum (x^2 - 1)^2: wells at -1 and 1. */
static int double_well(void* user, int64_t n, const float* x, float* energies, float* gradients) {
  (void)user;
  for (int64_t i = 0; i < n; ++i) {
    const float depth = x[i] * x[i] - 1;
    energies[i] = 4 * depth * depth;
    gradients[i] = 16 * depth * x[i];
  }
  return 0;
}

static int fail(void) { return fprintf(stderr, "%s\n", erg_last_error()), erg_last_status(); }

int main(int argc, char** argv) {
  enum { n = 1000 };
  static float x[n];
  const erg_step step = erg_step_exact(0.01f);
  if (erg_langevin_on(double_well, NULL, &step, n, 1, 0, 500, 1, x) != ERG_OK) return fail();
  double mean_square = 0;
  for (int i = 0; i < n; ++i) mean_square += (double)x[i] * x[i] / n;
  printf("the mean square is %.2f\n", mean_square);

  if (argc > 1) {
    erg_run* run = erg_load(argv[1], "cpu");
    if (!run || erg_sample(run, 10, 1, x) != ERG_OK) return fail();
    printf("%s of %s: %g %g ...\n", erg_system(run), erg_data(run), x[0], x[1]);
    erg_destroy(run);
  }
  return fabs(mean_square - 1) < 0.2 ? 0 : 1;
}
