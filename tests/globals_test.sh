#!/bin/sh
# What two engines in one process could share unawares: every variable in the libraries that can be written and is not a
# thread's own must be in the list below, with its reason.
#
#   tests/globals_test.sh NM LIBRARY...
set -eu

# Whole names, as nm prints them; * and the rest are those of grep -E. A # begins a comment.
allowed=$(sed 's/ *#.*//; /^$/d; s/^/^/; s/$/$/' <<'END'
# Chosen for the process, by the environment or a call; atomic.
erg::kernels::cpu::.*::current\(\)::level
erg::kernels::cuda::.*::chosen_precision\(\)::chosen
erg::.*::enabled\(\)::on                                 # whether CUDA graphs are used
# Counters that only have to rise; atomic.
erg::.*::next_serial\(\)::last
erg::io::.*::create_in\(.*\)::serial
erg::kernels::cuda::.*::(synchronisations|allocations)
# What there is one of: memory that goes from thread to thread (pools lock), and what the driver says of the devices.
erg::.*::common_pool\(.*\)::pools
erg::kernels::cuda::.*::state_of\(int\)::states
erg::kernels::cuda::.*::availability\(\)::found
# Constants that are made by code, before main or at the first call.
erg::\(anonymous namespace\)::(family|init_weights|kernel_init)
erg::io::.*::find_element\(.*\)::known
# Not ours: Eigen's, the compiler's, the CUDA runtime's.
Eigen::internal::manage_caching_sizes\(.*\)::m_cacheSizes
Eigen::internal::manage_multi_threading\(.*\)::m_maxThreads
guard variable for .*
DW\.ref\..*
__cudaFatCubinHandle
__device_stub__.*
END
)

nm=$1
shift
# A line is NAME |VALUE |CLASS |TYPE |SIZE |LINE |SECTION. What is a thread's own has the type TLS.
variables=$("$nm" --demangle --format=sysv --defined-only "$@" 2>/dev/null |
  awk -F'|' '$4 ~ /OBJECT/ && $7 ~ /^\.(data|bss)/ && $7 !~ /^\.data\.rel\.ro/ { sub(/ +$/, "", $1); print $1 }')
[ -n "$variables" ] || { echo "globals_test: $nm shows no variable, not even those that are there" >&2; exit 1; }
others=$(printf '%s\n' "$variables" | grep -Ev "$allowed" | sort -u)
if [ -n "$others" ]; then
  echo "globals_test: make these thread_local or const, or say in tests/globals_test.sh why the process shares them:" >&2
  printf '%s\n' "$others" >&2
  exit 1
fi
