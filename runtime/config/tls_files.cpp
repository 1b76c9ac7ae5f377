#include "runtime/config/tls_files.hpp"

namespace troupe {

void describe(config_schema& schema, tls_files& files) {
  schema.begin_table("tls",
                     "Between the cluster's processes, on the port that nodes join; PEM files, all "
                     "three or none.");
  schema
      .text("certificate", files.certificate, 4096,
            "This process's certificate, with those up to the authority.")
      .on_command_line("--tls-certificate", "FILE");
  schema.text("key", files.key, 4096, "The certificate's key, without a passphrase.")
      .on_command_line("--tls-key", "FILE");
  schema
      .text("authority", files.authority, 4096,
            "Whoever has a certificate that this one has signed is a member.")
      .on_command_line("--tls-authority", "FILE");
}

}  // namespace troupe
