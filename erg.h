// The front door: everything a program needs to build networks, differentiate them, train systems and sample.
// File formats are apart (engine/io/*.h, target erg::io), so that the core needs nothing but Eigen.
#pragma once

#include "engine/energy.h"
#include "engine/graph.h"
#include "engine/nn.h"
#include "engine/ops.h"
#include "engine/optim.h"
#include "engine/random.h"
#include "engine/tape.h"
#include "models/ddls.h"
#include "models/ebm.h"
#include "models/gan.h"
#include "models/meg.h"
#include "models/nets.h"
#include "models/wgan_gp.h"
#include "samplers/langevin.h"
#include "samplers/replay.h"
