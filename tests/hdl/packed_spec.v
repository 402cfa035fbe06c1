// Specification of SpatialMac(4, 8), or with DUAL of DualMac(4, 8), for the proof: the inputs of a
// word wait three cycles, then all of its arithmetic happens at once, on integers.
`ifdef DUAL
`define BITS 4
`else
`define BITS 8
`endif
module packed_spec (
    input clk, input rst,
    input [`BITS-1:0] act, input [`BITS-1:0] weight, input signed [7:0] bias,
    input ctl__product, input ctl__half,
`ifndef DUAL
    input ctl__mixed,
`endif
    input ctl__clear, input ctl__bias,
    input ctl__capture_high, input ctl__capture_low, input ctl__narrow, input [2:0] ctl__position,
    output reg [3:0] out, output reg [1:0] saturated
);
`ifdef DUAL
    wire ctl__mixed = 0;
`endif
    always @* assume (!(ctl__half && ctl__mixed));

    wire [10:0] word = {ctl__product, ctl__half, ctl__mixed, ctl__clear, ctl__bias,
        ctl__capture_high, ctl__capture_low, ctl__narrow, ctl__position};
    reg [10:0] word_1, word_2, word_3;
    reg [`BITS-1:0] act_1, act_2, act_3, weight_1, weight_2, weight_3;
    reg signed [7:0] bias_held;

    wire product, half, mixed, clear, add_bias, capture_high, capture_low, narrow;
    wire [2:0] position;
    assign {product, half, mixed, clear, add_bias, capture_high, capture_low, narrow,
        position} = word_3;

    function signed [15:0] clamp(input signed [15:0] value, input signed [15:0] limit);
        clamp = value >= limit ? limit - 1 : value < -limit ? -limit : value;
    endfunction
    // Product of two signed operands, the first of four bits or of two.
    function signed [15:0] multiply(input signed [3:0] a, input signed [3:0] w);
        multiply = a * w;
    endfunction
    function signed [3:0] pair(input signed [1:0] digit);
        pair = digit;
    endfunction

    reg signed [7:0] acc;
    reg signed [15:0] sum, result, word_out;
    integer i;
    always @* begin
        sum = 0;
        if (half)
            for (i = 0; i < `BITS; i = i + 2)
                sum = sum + multiply(pair(act_3[i +: 2]), pair(weight_3[i +: 2])) * 16;
`ifndef DUAL
        else if (mixed)
            sum = multiply(act_3[7:4], pair(weight_3[7:6])) * 4
`ifdef SWAPPED
                + multiply(act_3[3:0], pair(weight_3[3:2])) * 4;
`else
                + multiply(act_3[3:0], pair(weight_3[5:4])) * 4;
`endif
`endif
        else
            sum = multiply(act_3[`BITS-1 -: 4], weight_3[`BITS-1 -: 4]);
        if (!product) sum = 0;
        sum = clamp((clear ? (add_bias ? bias_held : 0) : acc) + sum, 128);
        result = acc >>> position;
        word_out = clamp(result, narrow ? 2 : 8);
    end

    always @(posedge clk) begin
        word_1 <= rst ? 0 : word;
        word_2 <= rst ? 0 : word_1;
        word_3 <= rst ? 0 : word_2;
        act_1 <= act; act_2 <= act_1; act_3 <= act_2;
        weight_1 <= weight; weight_2 <= weight_1; weight_3 <= weight_2;
`ifdef LATE_BIAS
        if (word_1[6]) bias_held <= bias;
`else
        if (ctl__bias) bias_held <= bias;
`endif
        acc <= sum;
        if (capture_low) {saturated[0], out[1:0]} <= {word_out != result, word_out[1:0]};
        if (capture_high)
            {saturated[1], out[3:2]} <= {word_out != result, narrow ? word_out[1:0] : word_out[3:2]};
    end
endmodule
