// One module for each thing that keeps state.
module counter(input clk, rst_n, en, output reg [7:0] count);  // behind a clock gate
  always @(posedge clk or negedge rst_n)
    if (!rst_n) count <= 0; else if (en) count <= count + 1;
endmodule

module edges(input clk, rst_n, input [3:0] d, output reg [3:0] late, output reg [3:0] next);
  always @(negedge clk or negedge rst_n) if (!rst_n) late <= 0; else late <= d ^ next;
  always @(posedge clk or negedge rst_n) if (!rst_n) next <= 4'hf; else next <= late + d;
endmodule

module latched(input clk, input [3:0] d, output [3:0] q);  // two latches make a register
  reg [3:0] master, slave;
  always @* if (!clk) master = d ^ slave;
  always @* if (clk) slave = master;
  assign q = slave + 1;
endmodule

module lfsr(input clk, rst, output reg [15:0] state);
  always @(posedge clk)
    if (rst) state <= 1; else state <= {state[14:0], state[15] ^ state[13] ^ state[12] ^ state[10]};
endmodule

module mac(input clk, rst_n, clear, valid, input signed [7:0] a, b, output reg signed [19:0] sum);
  reg signed [7:0] x, y;
  reg ready;
  always @(posedge clk or negedge rst_n)
    if (!rst_n) begin x <= 0; y <= 0; ready <= 0; sum <= 0; end
    else begin
      ready <= valid;
      if (valid) begin x <= a; y <= b; end
      if (clear) sum <= 0; else if (ready) sum <= sum + x * y;
    end
endmodule
