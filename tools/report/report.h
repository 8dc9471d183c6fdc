// A report: what runs were, how they went and what they learned, as one page.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace erg::tools {

/// The page of one run, or of several beside each other. Runs that wrote no checkpoint have neither a landscape nor
/// chains; nor have any without `with_chains`. Throws io::MissingError and io::DataError for directories that are no
/// runs.
std::string report_page(const std::vector<std::filesystem::path>& runs, const std::string& device,
                        bool with_chains = true);

}  // namespace erg::tools
