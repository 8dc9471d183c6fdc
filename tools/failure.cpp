#include "failure.h"

#include <new>
#include <string_view>

#include "../engine/device.h"
#include "../engine/io/error.h"
#include "../samplers/chains.h"
#include "error.h"

namespace erg::tools {

int report_failure(const std::function<void(const char* what)>& report) {
  const auto fail = [&](const char* what, int code) {
    report(what);
    return code;
  };
  try {
    throw;
  } catch (const UsageError& error) { return fail(error.what(), Exit::usage); } catch (const io::DataError& error) {
    return fail(error.what(), Exit::bad_data);
  } catch (const io::MissingError& error) {
    return fail(error.what(), Exit::no_input);
  } catch (const DeviceError& error) {
    return fail(error.what(), Exit::no_device);
  } catch (const io::WriteError& error) {
    return fail(error.what(), error.step == io::WriteError::Step::create ? Exit::cannot_create : Exit::cannot_write);
  } catch (const TrainingDivergedError& error) {
    return fail(error.what(), Exit::diverged);
  } catch (const DivergedError& error) {
    return fail(error.what(), Exit::diverged);
  } catch (const std::bad_alloc& error) {
    // The C++ library's own words are its type's name; a GPU's memory speaks for itself.
    const bool plain = std::string_view(error.what()).find("bad_alloc") != std::string_view::npos;
    return fail(plain ? "out of memory; ask for less at a time" : error.what(), Exit::out_of_memory);
  } catch (const std::exception& error) { return fail(error.what(), Exit::internal); } catch (...) {
    return fail("an exception of a foreign type", Exit::internal);
  }
}

}  // namespace erg::tools
