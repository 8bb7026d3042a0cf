// First the declarations: without them the arrays of bin2c would be known here alone.
#include "device/cuda/kernel_images.h"

#include <rows.inc>

#include <products.inc>
