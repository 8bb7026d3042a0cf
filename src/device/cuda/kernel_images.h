#pragma once

// What nvcc made of rows.cu and products.cu: fat binaries with code for several generations (CMakeLists.txt).

extern "C" const unsigned long long plimsoll_rows_image[];  // NOLINT(google-runtime-int,readability-identifier-naming): as bin2c makes them
extern "C" const unsigned long long plimsoll_products_image[];  // NOLINT(google-runtime-int,readability-identifier-naming)
